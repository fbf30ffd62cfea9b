"""Denials, opposites, roles, certainty, scope, names, refusals: what turns an answer round is told."""

from __future__ import annotations

import pytest

from spantape.semantic import compare

SAME = [
    ("The ticket is not valid on trams.", "The ticket is invalid on trams."),
    ("The guard was unable to open the safe.", "The guard was not able to open the safe."),
    ("The upload failed to finish.", "The upload did not finish."),
    ("It is not impossible to switch seats.", "It is possible to switch seats."),
    ("Parking here is not permitted.", "Parking here is prohibited."),
    ("The editor rejected the article.", "The article was rejected by the editor."),
    ("Iris manages the lab.", "The lab is managed by Iris."),
    ("Iris manages Bruno.", "Bruno reports to Iris."),
    ("The ring costs more than the watch.", "The watch costs less than the ring."),
    ("Pack a torch, a rope and a whistle.", "Pack a whistle, a torch and a rope."),
    ("The museum is cheap and central.", "The museum is inexpensive and central."),
    ("We cannot swap the tyres today.", "We can't swap the tires today."),
    ("The envronment variable is missing.", "The environment variable is missing."),
    ("Der Antrag wurde nicht genehmigt.", "Der Antrag wurde abgelehnt."),
]

DIFFERENT = [
    ("negation", "The key works in both doors.", "The key does not work in both doors."),
    ("negation", "The jar contains nuts.", "The jar contains no nuts."),
    ("opposite", "The visa was approved.", "The visa was denied."),
    ("opposite", "Rents rose in the north.", "Rents fell in the north."),
    ("opposite", "Enable the second relay.", "Disable the second relay."),
    ("opposite", "Feed the cat before the walk.", "Feed the cat after the walk."),
    ("contrast", "Paint the fence green.", "Paint the fence brown."),
    ("contrast", "Money went to the savings account.", "Money went to the checking account."),
    ("name", "The keynote is by Ms Tolland.", "The keynote is by Ms Verner."),
    ("name", "Order QX-2210 is late.", "Order QX-2201 is late."),
    ("roles", "Iris manages Bruno.", "Bruno manages Iris."),
    ("roles", "Anton reports to Milena.", "Milena reports to Anton."),
    ("roles", "Fly from Bergen to Split.", "Fly from Split to Bergen."),
    ("roles", "We owe you a reply.", "You owe us a reply."),
    ("roles", "The fox chased the hen.", "The hen chased the fox."),
    ("hedge", "The fuse caused the fault.", "The fuse possibly caused the fault."),
    ("scope", "All rooms have a view.", "Some rooms have a view."),
    ("refusal", "The boiling point is 78 degrees.", "I'm sorry, but I cannot help with that."),
    ("negation", "Die Tür ist offen und der Alarm ist an.", "Die Tür ist offen und der Alarm ist nicht an."),
    ("opposite", "申請は承認されました。", "申請は却下されました。"),
    ("opposite", "价格上涨了。", "价格下跌了。"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_another_way_to_say_it_is_the_same(one: str, other: str):
    assert compare(one, other), str(compare(one, other))


@pytest.mark.parametrize(("kind", "one", "other"), DIFFERENT)
def test_what_turns_an_answer_round_is_told_by_its_kind(kind: str, one: str, other: str):
    told = compare(one, other)
    assert not told, told
    assert kind in {finding.kind for finding in told.findings}, told


def test_courtesy_is_no_difference():
    plain = "The lock on gate 4 was replaced."
    polite = "Hello, and thank you for your patience! The lock on gate 4 was replaced. Have a great day."
    assert compare(plain, polite)
    assert compare(polite, plain)


def test_a_fact_that_was_cut_is_a_difference():
    told = compare("Store it below 5 °C and use it within 3 days.", "Store it below 5 °C.")
    assert not told
    assert any("3 days" in reason for reason in told.reasons)


def test_an_exception_that_was_added_is_a_difference():
    assert not compare(
        "The pool is open daily.", "The pool is open daily, except that it is closed in March."
    )


def test_markdown_is_no_difference():
    assert compare(
        "**Note:** call `flush()` twice.\n\n* once before\n* once after",
        "Note: call flush() twice.\n- once before\n- once after",
    )


def test_spelled_out_names_stand_for_their_initials():
    assert compare("The depot is in New York City.", "The depot is in NYC.")


def test_strings_that_are_prose_may_be_reworded_inside_of_data():
    one = '{"id": 7, "note": "The pump was repaired and works again."}'
    assert compare(one, '{"note": "The pump was fixed and works again.", "id": 7}')
    assert not compare(one, '{"id": 7, "note": "The pump was not repaired and fails again."}')
