"""Whole answers: the same in other words, and nearly the same words for something else."""

from __future__ import annotations

import pytest

from spantape.semantic import compare

REWORDED = [
    (
        "Your subscription will renew on 1 May unless you cancel before then.",
        "If you don't cancel before 1 May, the subscription renews on that day.",
    ),
    ("The parcel could not be delivered because nobody was home.", "Delivery failed as no one was at home."),
    (
        "You can return shoes within 60 days if they are unworn.",
        "Unworn shoes may be sent back for up to 60 days.",
    ),
    ("We've upgraded you to a suite at no extra cost.", "You have been moved up to a suite free of charge."),
    ("The museum is closed on Mondays.", "The museum doesn't open on Mondays."),
    (
        "Rain will start around noon and stop by 6 pm.",
        "It begins to rain at about midday and is over by 18:00.",
    ),
    ("The query is slow because the index is missing.", "A missing index makes the query slow."),
    (
        "The index on user_id is missing, so the query scans the whole table.",
        "Since there's no index on user_id, the entire table gets scanned by the query.",
    ),
    (
        "The deploy failed because the disk was full.",
        "There was no disk space left, so the deployment did not succeed.",
    ),
    (
        "Restart the server to apply the new settings.",
        "The new settings take effect after you reboot the server.",
    ),
    ("Ticket prices go up by 5% in March.", "From March, tickets cost 5% more."),
    ("Your flight is delayed by two hours due to fog.", "Because of fog your plane leaves two hours late."),
    ("The warranty does not cover scratches.", "Scratches are excluded from the warranty."),
    (
        "The function raises ValueError if the list is empty.",
        "Given an empty list, the function throws a ValueError.",
    ),
    ("Sales fell 12% in May compared with April.", "In May, sales were 12% lower than in April."),
    ("Please send us a copy of the receipt.", "Could you send a copy of your receipt to us?"),
    (
        "Employees may carry over five vacation days.",
        "Up to five days of leave can be taken into the next year.",
    ),
    (
        "Both candidates have been invited to an interview on Thursday.",
        "We've asked the two candidates to come in for an interview on Thursday.",
    ),
    (
        "We recommend replacing the filter every three months.",
        "The filter should be changed every three months.",
    ),
    ("The password must have at least 12 characters.", "Passwords need 12 or more characters."),
    ("There is no need to sign the form.", "You don't have to sign the form."),
    (
        "The leak was caused by a cracked pipe in the basement.",
        "A cracked pipe in the basement led to the leak.",
    ),
    ("The road to the cabin is blocked by snow.", "Snow is blocking the way to the cabin."),
    (
        "I've cancelled your order and refunded the $30.",
        "Your order has been cancelled and the $30 has been paid back.",
    ),
    (
        "The meeting was moved from Tuesday to Thursday.",
        "The meeting has been rescheduled to Thursday; it was originally on Tuesday.",
    ),
    (
        "Use the side entrance, because the main door is locked.",
        "The main door is locked, so please use the side entrance.",
    ),
    ("The tablets must not be taken with milk.", "Don't take the tablets with milk."),
    (
        "The contract can be ended by either party with a month's notice.",
        "Either side may terminate the agreement by giving one month's notice.",
    ),
    (
        "The lift is out of order; please take the stairs.",
        "Please use the stairs, as the elevator isn't working.",
    ),
    ("Only members can borrow books.", "Borrowing books is reserved for members."),
    ("The backup completed without errors.", "The backup finished and there were no errors."),
    (
        "Payment is due within 14 days of the invoice date.",
        "You have 14 days from the date of the invoice to pay.",
    ),
    (
        "The API limits you to 100 requests per minute.",
        "You can send at most 100 requests a minute to the API.",
    ),
    ("The window seat you asked for is available.", "The window seat you requested is free."),
    ("The lake is 40 metres deep at most.", "The maximum depth of the lake is 40 metres."),
]

CHANGED = [
    (
        "The parcel could not be delivered because nobody was home.",
        "The parcel was delivered although nobody was home.",
    ),
    (
        "You can return shoes within 60 days if they are unworn.",
        "You can return shoes within 60 days even if they were worn.",
    ),
    ("The hotel has no free rooms on 12 July.", "The hotel still has rooms on 12 July."),
    ("The museum is closed on Mondays.", "The museum is open on Mondays."),
    (
        "The patient should fast for eight hours before the test.",
        "The patient should fast for eight hours after the test.",
    ),
    ("The warranty does not cover scratches.", "Scratches are covered by the warranty."),
    ("Sales fell 12% in May compared with April.", "In May, sales were 12% higher than in April."),
    ("Anna will chair the meeting instead of Tom.", "Tom will chair the meeting instead of Anna."),
    ("There is no need to sign the form.", "You need to sign the form."),
    ("Only members can borrow books.", "Anyone can borrow books."),
    ("The backup completed without errors.", "The backup completed with errors."),
    ("The meeting was moved from Tuesday to Thursday.", "The meeting was moved from Thursday to Tuesday."),
    ("The tablets must not be taken with milk.", "Take the tablets with milk."),
    ("Your claim has been accepted.", "We have turned down your claim."),
    ("Nina lent Paul her bike.", "Paul lent Nina his bike."),
    ("Nina borrowed the bike from Paul.", "Paul borrowed the bike from Nina."),
    ("The dog bit the postman.", "The postman bit the dog."),
    ("The road is open in winter.", "In winter the road is closed to traffic."),
    ("The lamp comes with a bulb.", "A bulb is not included with the lamp."),
    ("The tenant pays for heating.", "Heating is paid for by the landlord."),
    ("The server is up again.", "The server is still down."),
    ("Children under six travel free.", "Children under six pay the full fare."),
    ("The seminar is mandatory for all staff.", "Attending the seminar is voluntary for staff."),
    ("We will contact you by phone.", "We will contact you by email."),
    ("Turn left at the church.", "Turn right at the church."),
    ("The file was saved before the crash.", "The crash happened before the file was saved."),
    ("Mike is taller than Josh.", "Josh is taller than Mike."),
    ("Maria gave the keys to Peter.", "Peter gave the keys to Maria."),
    ("The cache is enabled by default.", "By default the cache is off."),
    (
        "Export from the old system and import into the new one.",
        "Export from the new system and import into the old one.",
    ),
    ("The vaccine is safe for children.", "The vaccine is not recommended for children."),
    ("Your visa has been granted.", "Your visa application was refused."),
    ("The plan includes unlimited data.", "The plan has a data cap of 5 GB."),
    ("The package arrived intact.", "The package arrived damaged."),
    ("Alice replaced Bob as team lead.", "Bob replaced Alice as team lead."),
    ("The supplier owes us $400.", "We owe the supplier $400."),
    ("The second floor is reserved for staff.", "The third floor is reserved for staff."),
    ("Send the report to finance.", "Send the report to legal."),
]


@pytest.mark.parametrize(("one", "other"), REWORDED)
def test_an_answer_in_other_words_is_the_same(one: str, other: str):
    assert compare(one, other), str(compare(one, other))


@pytest.mark.parametrize(("one", "other"), CHANGED)
def test_an_answer_that_says_something_else_is_not_the_same_and_told_why(one: str, other: str):
    told = compare(one, other)
    assert not told, str(told)
    assert told.reasons
