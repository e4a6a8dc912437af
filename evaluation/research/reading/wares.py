"""What others say of plans, insurances, hotels, jobs; and the words of procedures and lists."""

from __future__ import annotations

from evaluation.research.reading.attributes import attribute, count, money, one_of, share

OTHER = [
    attribute(
        "Delivery time; Dispatched within",
        count(1, 20, "days", "business days", "hours"),
        "How soon does {p} arrive?; How long do I wait for {p}?; delivery {p}",
        "{p} is delivered within {v}",
    ),
    attribute(
        "Warranty; Guarantee period",
        count(6, 72, "months"),
        "How long is {p} guaranteed?; What warranty comes with {p}?",
        "{p} is guaranteed for {v}",
    ),
    attribute(
        "Return period; Right of return",
        count(7, 90, "days"),
        "Until when can I send {p} back?; How many days do I have to return {p}?",
        "You may return {p} within {v}",
    ),
    attribute(
        "Data volume; Included data",
        count(1, 200, "GB"),
        "How much data does {p} have?; data allowance {p}; How many gigabytes can I use with {p}?",
        "{p} includes {v} a month",
    ),
    attribute(
        "Download speed; Maximum speed",
        count(10, 1000, "Mbit/s"),
        "How fast is {p}?; What speed does {p} reach?",
        "{p} reaches {v}",
    ),
    attribute(
        "Notice period; Cancellation notice",
        count(1, 12, "weeks", "months"),
        "How early must I cancel {p}?; What notice does {p} need?; How do I get out of {p} in time,"
        " how long before?",
        "{p} is cancelled with {v} notice",
    ),
    attribute(
        "Deductible; Own share per claim",
        money(50, 3000),
        "What do I pay myself in a claim under {p}?; own share with {p}",
        "You bear {v} of each claim",
    ),
    attribute(
        "Coverage limit; Insured up to",
        money(5000, 900000),
        "Up to what amount does {p} pay?; What is the most {p} covers?",
        "{p} pays up to {v}",
    ),
    attribute(
        "Waiting period; Cover begins after",
        count(1, 12, "months", "weeks"),
        "From when does {p} pay?; How long after signing is {p} valid?",
        "Cover under {p} begins after {v}",
    ),
    attribute(
        "Storage; Disk space",
        count(5, 2000, "GB", "TB"),
        "How much can I store with {p}?; space included in {p}",
        "{p} stores {v}",
    ),
    attribute(
        "Users included; Seats",
        count(1, 500, "users", "seats"),
        "How many colleagues can work with {p}?; seats in {p}",
        "{p} is for {v}",
    ),
    attribute(
        "Support hours; Help desk",
        one_of("8 AM to 6 PM", "around the clock", "weekdays 9 to 5", "Monday to Saturday"),
        "When can I reach support for {p}?; help desk times {p}",
        "Support for {p} is there {v}",
    ),
    attribute(
        "Uptime; Guaranteed availability",
        share(98, 100),
        "How available is {p}?; What uptime is promised for {p}?",
        "{p} is available {v} of the time",
    ),
    attribute(
        "Check-in from; Earliest arrival",
        one_of("2 PM", "3 PM", "15:00", "noon"),
        "From what time can I get my room at {p}?; arrival time {p}",
        "Rooms at {p} are ready from {v}",
    ),
    attribute(
        "Breakfast; Breakfast price",
        money(5, 40),
        "What does breakfast cost at {p}?; Is breakfast at {p} included or what is it?",
        "Breakfast costs {v}",
    ),
    attribute(
        "Pets; Pet policy",
        one_of("not allowed", "allowed for $20 a night", "only small dogs", "welcome"),
        "Can I bring my dog to {p}?; are animals ok at {p}?",
        "Pets are {v}",
    ),
    attribute(
        "Parking; Parking fee",
        one_of("free of charge", "$15 a day", "not available", "€12 per night"),
        "Where do I leave my car at {p} and what does it cost?; parking {p}",
        "Parking is {v}",
    ),
    attribute(
        "Vacation days; Annual leave",
        count(15, 40, "days"),
        "How much holiday do I get as {p}?; days off for {p}",
        "{p} staff have {v} of leave",
    ),
    attribute(
        "Probation; Trial period",
        count(1, 9, "months"),
        "How long is the trial time as {p}?; probation {p}",
        "The trial period is {v}",
    ),
    attribute(
        "Travel allowance; Daily allowance",
        money(15, 150),
        "What do I get per day when travelling as {p}?; per diem {p}",
        "On journeys {v} a day is paid",
    ),
]
STEPS = [
    ("Open the {a} menu", "Choose {b}", "Enter the amount", "Confirm with your code"),
    ("Sign in to the portal", "Select {a}", "Press {b}", "Read the terms", "Accept"),
    ("Collect the papers for {a}", "Fill in form {b}", "Send both to the branch"),
    ("Call the help line", "Name your {a}", "Ask for {b}", "Note the reference number"),
    ("Verify the customer", "Check that {a} is active", "Record {b}", "Close the case"),
    ("Unlock the device", "Hold {a} for five seconds", "Wait for {b}", "Release the button"),
]
TASKS = [
    ("Setting up {t}", "How do I set up {t}?; What must I do to start {t}?; steps for {t}"),
    ("Cancelling {t}", "How can I cancel {t}?; What are the steps to end {t}?"),
    ("Changing {t}", "How do I change {t}?; In what way is {t} altered?"),
    ("Applying for {t}", "How do I apply for {t}?; What do I do to get {t}?"),
    ("Reporting {t}", "How is {t} reported?; What do I do about {t}?; whom do I tell of {t}, how?"),
]
THINGS = """
    automatic payments; a travel notice; overdraft cover; a lost card; a second user; alerts; a
    standing order; paperless statements; a refund; a transfer limit; a wrong charge; a new
    device; a beneficiary; a savings goal; direct debit; a damaged parcel; remote access;
    expenses; leave
"""
LISTS = [
    ("Documents needed", "Which papers do I need for {p}?; What must I hand in for {p}?"),
    ("Who can apply", "Who may have {p}?; What conditions are there for {p}?"),
    ("What is covered", "What does {p} cover?; Which things are included in {p}?"),
    ("What is not covered", "What is excluded from {p}?; What does {p} not pay for?"),
    ("Benefits", "What are the advantages of {p}?; What comes with {p}?"),
]
ITEMS = """
    proof of income; a valid passport; a utility bill; tax returns of two years; bank letters;
    residents only; no open claims; a verified identity; a balance of $500; employment of six
    months; theft; fire; water damage; loss of keys; medical costs abroad; rental cars; lost
    luggage; gradual wear; war; negligence; damage before purchase; cash; jewellery above
    $1,000; free transfers; priority service; travel insurance; a personal adviser; discounts on
    loans; renewable energy shops; charging stations; repair services; office supplies; internet
    and telephone
"""
