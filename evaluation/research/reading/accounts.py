"""What banks say of accounts, cards and loans, and how people ask for it."""

from __future__ import annotations

from evaluation.research.reading.attributes import attribute, count, money, one_of, share

BANK = [
    attribute(
        "Annual fee; Yearly card fee; Membership fee per year",
        money(0, 600),
        "What does {p} cost per year?; annual fee {p}; How much is the yearly charge for {p}?;"
        "What do I pay every twelve months to hold {p}?",
        "Holders of {p} pay {v} each year; {p} comes with an annual fee of {v}",
    ),
    attribute(
        "Monthly maintenance fee; Monthly service charge; Account fee per month",
        money(0, 60),
        "What is the monthly fee of {p}?; How much does {p} cost me a month?;"
        "{p} monthly charge; What do I pay each month for keeping {p} open?",
        "{p} is charged {v} a month for maintenance; The monthly fee is {v}",
    ),
    attribute(
        "Minimum opening deposit; Initial deposit; Amount needed to open",
        money(5, 9000),
        "How much do I need to put in to start {p}?; What is the least I must pay in to open {p}?;"
        "min deposit {p}; Starting amount for {p}?",
        "You open {p} with at least {v}; A first deposit of {v} opens {p}",
    ),
    attribute(
        "Minimum balance; Required daily balance; Balance to avoid the fee",
        money(50, 40000),
        "How much must I keep in {p} so that I pay no fee?; What balance does {p} require?;"
        "How low may the balance of {p} get before I am charged?",
        "The fee is waived while the balance stays above {v}; Keep {v} in {p} to avoid charges",
    ),
    attribute(
        "Annual percentage yield; APY; Interest paid on balances",
        share(0.1, 6),
        "What interest do I earn on {p}?; How much does my money grow with {p}?; rate of {p};"
        "What yield does {p} pay?",
        "Balances in {p} earn {v} a year; {p} pays {v} APY",
    ),
    attribute(
        "Purchase APR; Interest rate on purchases; Borrowing rate",
        share(7, 32),
        "What rate am I charged when I carry a balance on {p}?; What is the APR of {p}?;"
        "How much interest do purchases on {p} cost?",
        "Purchases with {p} that are not paid in full bear {v}",
    ),
    attribute(
        "Foreign transaction fee; Charge for purchases abroad; Currency conversion fee",
        share(0, 4),
        "What do I pay when I shop in another country with {p}?; Is there a surcharge for paying"
        " overseas with {p}?; Cost of using {p} in a foreign currency?",
        "Payments in another currency cost {v} with {p}",
    ),
    attribute(
        "Foreign ATM fee; International cash withdrawal; Cash machine abroad",
        money(0, 12),
        "What does it cost to get cash from a machine in another country with {p}?;"
        "Charge for taking out money overseas with {p}?; ATM abroad fee {p}",
        "Withdrawals at machines outside the country cost {v}",
    ),
    attribute(
        "Cash advance fee; Fee for cash on credit",
        money(3, 50),
        "What does it cost to take cash on credit with {p}?; cash advance cost {p}",
        "Each cash advance costs {v}",
    ),
    attribute(
        "Outgoing domestic wire; Domestic wire transfer fee; Wire within the country",
        money(0, 45),
        "What does sending a wire inside the country cost with {p}?; domestic wire price {p};"
        "How much to wire money to another local bank from {p}?",
        "A domestic wire costs {v}",
    ),
    attribute(
        "Outgoing international wire; International wire transfer fee; Wire to another country",
        money(5, 80),
        "What does it cost to wire money to another country from {p}?; Fee for sending funds"
        " overseas from {p}?",
        "Wires abroad are {v} each",
    ),
    attribute(
        "Incoming wire; Fee for received wires",
        money(0, 25),
        "Is there a charge when somebody wires money to my {p}?; Cost of receiving a wire on {p}?",
        "Each incoming wire costs {v}",
    ),
    attribute(
        "Overdraft fee; Charge per overdrawn item; Fee when below zero",
        money(0, 45),
        "What happens to my costs when {p} goes negative?; How much is it if I overdraw {p}?;"
        "What am I charged for going below zero on {p}?",
        "If a payment overdraws {p}, {v} is charged",
    ),
    attribute(
        "Late payment fee; Penalty for paying late",
        money(5, 60),
        "What if I miss the due date of {p}?; What does a late payment on {p} cost?; late fee {p}",
        "A payment after the due date costs {v}",
    ),
    attribute(
        "Replacement card fee; Cost of a new card",
        money(0, 30),
        "What does a new card cost if I lose {p}?; Price of replacing {p}?",
        "A lost card is replaced for {v}",
    ),
    attribute(
        "Welcome bonus; Sign-up reward; Opening bonus",
        money(20, 1500),
        "What do I get for opening {p}?; Is there a reward for new customers of {p}?",
        "New customers of {p} receive {v}",
    ),
    attribute(
        "Referral reward; Recommend-a-friend bonus",
        money(10, 300),
        "What do I earn for recommending {p} to a friend?; Reward for bringing someone to {p}?",
        "For each friend who joins you receive {v}",
    ),
    attribute(
        "Cash back on groceries; Supermarket reward rate",
        share(1, 7),
        "How much comes back when I buy food with {p}?; What do I earn at supermarkets with {p}?",
        "Purchases in supermarkets earn {v}",
    ),
    attribute(
        "Cash back on travel; Travel reward rate",
        share(1, 8),
        "What do I earn on flights and hotels with {p}?; travel rewards {p}",
        "Flights and hotels earn {v}",
    ),
    attribute(
        "Daily ATM limit; Cash withdrawal limit per day",
        money(200, 5000),
        "How much cash can I take out of {p} in a day?; Most I can withdraw daily with {p}?",
        "Up to {v} can be taken out a day",
    ),
    attribute(
        "Daily spending limit; Purchase limit per day",
        money(500, 50000),
        "How much can I spend with {p} in one day?; daily purchase cap of {p}",
        "Purchases are limited to {v} a day",
    ),
    attribute(
        "Free withdrawals per month; Withdrawals without charge",
        count(2, 40, "withdrawals", "a month", "per cycle"),
        "How often may I take money out of {p} before it costs?; How many withdrawals are free"
        " with {p}?",
        "The first {v} are free",
    ),
    attribute(
        "Excess withdrawal fee; Fee per further withdrawal",
        money(1, 20),
        "What does each withdrawal beyond the free ones cost with {p}?; extra withdrawal fee {p}",
        "Each withdrawal beyond that costs {v}",
    ),
    attribute(
        "Minimum age; Lowest age to apply",
        count(13, 65, "years", "years of age"),
        "How old must I be for {p}?; age needed for {p}; From which age can one have {p}?",
        "{p} is for customers of at least {v}",
    ),
    attribute(
        "Maximum authorized users; Additional cards",
        count(1, 25, "users", "cards"),
        "How many people can use my {p}?; How many extra cards does {p} allow?",
        "You may add up to {v}",
    ),
    attribute(
        "Number of sub-accounts; Sub-accounts allowed",
        count(2, 90, "sub-accounts"),
        "Into how many pots can {p} be split?; Most sub-accounts with {p}?",
        "{p} can be divided into {v}",
    ),
    attribute(
        "Credit score required; Minimum credit score",
        count(550, 800, "points", ""),
        "What score do I need for {p}?; How good must my credit be for {p}?",
        "Applicants need a score of {v}",
    ),
    attribute(
        "Early closure fee; Fee if closed within 90 days",
        money(5, 200),
        "What does it cost to close {p} soon after opening?; Penalty for ending {p} early?",
        "If it is closed within 90 days, {v} is due",
    ),
    attribute(
        "Dispute window; Time to report a wrong charge",
        count(15, 180, "days", "calendar days"),
        "How long do I have to complain about a charge on {p}?; Until when can I dispute with {p}?",
        "Wrong charges must be reported within {v}",
    ),
    attribute(
        "Purchase protection; Covered purchase window",
        count(30, 200, "days"),
        "For how long are things bought with {p} protected?; How many days is my purchase covered"
        " by {p}?",
        "Purchases are protected for {v}",
    ),
    attribute(
        "Lounge visits; Airport lounge access",
        count(1, 20, "visits a year", "visits"),
        "How many times may I use airport lounges with {p}?; lounge passes with {p}?",
        "{p} includes {v}",
    ),
    attribute(
        "Loan term; Repayment period",
        count(6, 120, "months"),
        "Over how long is {p} paid back?; What is the longest time to repay {p}?",
        "{p} is repaid over {v}",
    ),
    attribute(
        "Cut-off time; Same-day processing until",
        one_of("2 PM", "3:30 PM", "16:00", "5 PM", "11:00 AM", "noon"),
        "Until when must I send a transfer from {p} to have it go the same day?; cutoff {p}",
        "Transfers sent before {v} go the same day",
    ),
    attribute(
        "Cashier's check fee; Bank draft",
        money(0, 20),
        "What does a cashier's check from {p} cost?; price of a bank draft {p}",
        "A cashier's check costs {v}",
    ),
    attribute(
        "Stop payment fee; Fee to block a check",
        money(5, 45),
        "What does it cost to stop a check on {p}?; block a cheque {p} price",
        "Stopping a check costs {v}",
    ),
    attribute(
        "Statement copies; Paper statement fee",
        money(0, 12),
        "Do paper statements of {p} cost anything?; What is charged for statements by mail"
        " with {p}?",
        "Paper statements cost {v} each",
    ),
    attribute(
        "Fraud alert response; Target response to fraud reports",
        count(5, 90, "minutes"),
        "How fast do you react when {p} is misused?; Response time to a fraud alert on {p}?",
        "Reports of fraud are answered within {v}",
    ),
    attribute(
        "Credit for phone bills; Mobile phone insurance",
        money(100, 1200),
        "Is my phone insured with {p}, and up to how much?; phone cover of {p}",
        "Phones are insured up to {v}",
    ),
]
