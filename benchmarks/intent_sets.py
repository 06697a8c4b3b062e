"""Public sets of things that customers say, for measuring only, with our mapping to three destinations.

The sets stand beside the checkout, in `shared/corpora/intent`; each folder there names its source and
licence. Which of their labels would go to complaints, which to sales and which to self-service is our
judgement, written down here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Example = tuple[str, str]
"""A text and its label."""


@dataclass(frozen=True, slots=True)
class IntentTexts:
    """One set. Where `test` is empty, what is not drawn for training is tested on."""

    name: str
    language: str
    train: tuple[Example, ...]
    test: tuple[Example, ...]
    destinations: dict[str, str]


_BANKING_SALES = [
    "activate_my_card",
    "age_limit",
    "apple_pay_or_google_pay",
    "country_support",
    "fiat_currency_support",
    "get_disposable_virtual_card",
    "get_physical_card",
    "getting_spare_card",
    "getting_virtual_card",
    "order_physical_card",
    "supported_cards_and_currencies",
    "visa_or_mastercard",
    "disposable_card_limits",
    "card_acceptance",
    "top_up_limits",
    "automatic_top_up",
    "exchange_via_app",
]
_BANKING_SELF_SERVICE = [
    "atm_support",
    "change_pin",
    "edit_personal_details",
    "exchange_rate",
    "passcode_forgotten",
    "pin_blocked",
    "card_linking",
    "card_about_to_expire",
    "card_delivery_estimate",
    "transfer_timing",
    "transfer_into_account",
    "topping_up_by_card",
    "top_up_by_cash_or_cheque",
    "receiving_money",
    "verify_my_identity",
    "verify_source_of_funds",
    "verify_top_up",
    "why_verify_identity",
    "cancel_transfer",
]
_CLINC = {
    "complaints": "account_blocked report_fraud report_lost_card damaged_card card_declined freeze_account",
    "sales": (
        "new_card improve_credit_score credit_limit_change apr interest_rate rollover_401k "
        "application_status international_fees order_checks"
    ),
    "selfservice": (
        "routing pin_change bill_due pay_bill min_payment transfer bill_balance balance "
        "spending_history transactions replacement_card_duration expiration_date redeem_rewards "
        "credit_limit rewards_balance credit_score"
    ),
}
_NATCS_INSURANCE = {
    "complaints": "FileClaim ReportBillingIssue CancelPlan ReportAutomobileAccident CancelAutomaticBilling",
    "sales": "GetQuote AddDependent EnrollInPlan ChangePlan CreateAccount FindAgent",
    "selfservice": (
        "PayBill RequestProofOfInsurance UpdatePaymentPreference CheckPaymentStatus ChangeAddress "
        "RemoveDependent GetPolicyNumber UpdateBillingFrequency ResetPassword CheckAccountBalance "
        "ChangeSecurityQuestion"
    ),
}
_NATCS_BANKING = {
    "complaints": "DisputeCharge CloseBankAccount ReportLostStolenCard",
    "sales": "OpenBankingAccount SetUpOnlineBanking AskAboutCashDeposits",
    "selfservice": (
        "CheckAccountBalance InternalFundsTransfer FindATM ExternalWireTransfer GetBranchHours "
        "FindBranch AskAboutTransferTime UpdatePhoneNumber UpdateEmail GetWithdrawalLimit "
        "CheckTransactionHistory UpdateStreetAddress"
    ),
}
_FINANCE = {
    "complaints": "reportlostcard disputecharge closeaccount",
    "sales": "checkoffereligibility orderchecks replacecard",
    "selfservice": "updateaddress checkbalance transfermoney getroutingnumber",
}
_AIRLINE = {
    "complaints": "changeseatassignment",
    "sales": "bookflight",
    "selfservice": "getboardingpass getseatinfo",
}


def english_sets(corpora: Path) -> Iterator[IntentTexts]:
    """Six English sets, three of them spoken or chatted by pairs of people."""
    folder = corpora / "intent"
    banking = _banking_destinations()
    yield IntentTexts(
        "banking77",
        "en",
        _csv(folder / "banking77/train.csv", "text", "category"),
        _csv(folder / "banking77/test.csv", "text", "category"),
        banking,
    )
    clinc = json.loads((folder / "clinc150/data_full.json").read_text(encoding="utf-8"))
    by_label = _inverted(_CLINC)
    yield IntentTexts(
        "clinc150 bank, cards",
        "en",
        _known(clinc["train"], by_label),
        _known(clinc["test"], by_label),
        by_label,
    )
    for name, file, groups in (
        ("natcs insurance", "development.jsonl", _NATCS_INSURANCE),
        ("natcs banking", "test-banking.jsonl", _NATCS_BANKING),
    ):
        lines = (folder / "natcs" / file).read_text(encoding="utf-8").splitlines()
        rows = [(row["utterance"], row["intent"]) for row in map(json.loads, lines)]
        by_label = _inverted(groups)
        yield IntentTexts(name, "en", _known(rows, by_label), (), by_label)
    for name, domain, groups in (
        ("multidogo finance", "finance", _FINANCE),
        ("multidogo airline", "airline", _AIRLINE),
    ):
        by_label = _inverted(groups)
        train, test = (
            _known(_csv(folder / f"multidogo/{domain}_{part}.tsv", "utterance", "intent", "\t"), by_label)
            for part in ("train", "test")
        )
        yield IntentTexts(name, "en", train, test, by_label)


def clinc150(corpora: Path) -> dict[str, tuple[Example, ...]]:
    """Every part of CLINC150 by its name: train, val and test of 150 labels, and `oos_...` of none of them."""
    parts = json.loads((corpora / "intent" / "clinc150/data_full.json").read_text(encoding="utf-8"))
    return {name: tuple((text, label) for text, label in rows) for name, rows in parts.items()}


def arabic_sets(corpora: Path) -> Iterator[IntentTexts]:
    """Banking in Arabic: learnt from standard and Palestinian examples, tested on five ways of speaking."""
    folder = corpora / "intent" / "arbanking77"
    with (folder / "Banking77_intents.csv").open(encoding="utf-8", newline="") as stream:
        english = {row["label_ar"].strip(): row["label_en"].strip() for row in csv.DictReader(stream)}
    banking = {_plain(label): destination for label, destination in _banking_destinations().items()}
    by_label = {arabic: banking[_plain(label)] for arabic, label in english.items() if _plain(label) in banking}
    train = _known(_csv(folder / "Banking77_Arabized_MSA_PAL_train.csv", "text", "label"), by_label)
    for name in ("MSA", "PAL", "Saudi", "Moroccan", "Tunisian"):
        test = _known(_csv(folder / f"Banking77_Arabized_{name}_test.csv", "text", "label"), by_label)
        yield IntentTexts(f"arbanking77 {name}", "ar", train, test, by_label)


def _banking_destinations() -> dict[str, str]:
    """Whatever is neither sales nor self-service there is something that went wrong."""
    labels = dict.fromkeys(_BANKING_SALES, "sales") | dict.fromkeys(_BANKING_SELF_SERVICE, "selfservice")
    return labels | dict.fromkeys(_BANKING_COMPLAINTS, "complaints")


_BANKING_COMPLAINTS = [
    "Refund_not_showing_up",
    "balance_not_updated_after_bank_transfer",
    "balance_not_updated_after_cheque_or_cash_deposit",
    "beneficiary_not_allowed",
    "card_arrival",
    "card_not_working",
    "card_payment_fee_charged",
    "card_payment_not_recognised",
    "card_payment_wrong_exchange_rate",
    "card_swallowed",
    "cash_withdrawal_charge",
    "cash_withdrawal_not_recognised",
    "compromised_card",
    "contactless_not_working",
    "declined_card_payment",
    "declined_cash_withdrawal",
    "declined_transfer",
    "direct_debit_payment_not_recognised",
    "exchange_charge",
    "extra_charge_on_statement",
    "failed_transfer",
    "lost_or_stolen_card",
    "lost_or_stolen_phone",
    "pending_card_payment",
    "pending_cash_withdrawal",
    "pending_top_up",
    "pending_transfer",
    "request_refund",
    "reverted_card_payment?",
    "terminate_account",
    "top_up_by_bank_transfer_charge",
    "top_up_by_card_charge",
    "top_up_failed",
    "top_up_reverted",
    "transaction_charged_twice",
    "transfer_fee_charged",
    "transfer_not_received_by_recipient",
    "unable_to_verify_identity",
    "virtual_card_not_working",
    "wrong_amount_of_cash_received",
    "wrong_exchange_rate_for_cash_withdrawal",
]


def _plain(label: str) -> str:
    return label.lower().replace("_", " ").strip("? ")


def _inverted(groups: dict[str, str]) -> dict[str, str]:
    return {label: destination for destination, labels in groups.items() for label in labels.split()}


def _known(rows: Iterable[Sequence[str]], by_label: dict[str, str]) -> tuple[Example, ...]:
    return tuple((text, label.strip()) for text, label in rows if label and label.strip() in by_label)


def _csv(file: Path, text: str, label: str, delimiter: str = ",") -> tuple[Example, ...]:
    with file.open(encoding="utf-8", newline="") as stream:
        # The tab-separated files do not quote; a lone quote mark in them is only a character.
        quoted = delimiter == ","
        reader = csv.DictReader(stream, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
        return tuple((row[text], row[label]) for row in reader)
