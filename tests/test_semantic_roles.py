"""Parties that play one another's part are told, however it is said; those that keep their part are the same."""

from __future__ import annotations

import pytest

from spantape.semantic import compare

EXCHANGED = [
    ("Nadia manages Pavel.", "Nadia's manager is Pavel."),
    ("Nadia manages Pavel.", "Pavel is Nadia's manager."),
    ("Nadia reports to Pavel.", "Nadia is in charge of Pavel."),
    ("Nadia is Pavel's supervisor.", "Pavel supervises Nadia."),
    ("Oskar lent his drill to Maren.", "Oskar borrowed the drill from Maren."),
    ("Helix bought Orbis for 3 million.", "For 3 million, Helix was sold to Orbis."),
    ("Helix bought Orbis for 3 million.", "Helix was acquired by Orbis for 3 million."),
    ("Orbis sold the plant to Helix.", "Orbis purchased the plant from Helix."),
    ("The bank owes the broker 500 euros.", "The bank is owed 500 euros by the broker."),
    ("The tenant owes the landlord two months' rent.", "The landlord owes two months' rent to the tenant."),
    ("It is 4 °C in Oslo and 9 °C in Bergen.", "Oslo has 9 °C, Bergen 4 °C."),
    ("Invoice A is 300 euros and invoice B is 450 euros.", "Invoice B comes to 300 euros, invoice A to 450."),
    ("Ravi has the keys and Lena has the badge.", "Ravi holds the badge, Lena the keys."),
    ("Ravi handles billing, Lena handles shipping.", "Shipping is Ravi's job and billing is Lena's."),
    (
        "The red cable goes to port 1, the blue cable to port 2.",
        "Plug the blue cable into port 1 and the red one into port 2.",
    ),
    ("The train is faster than the bus.", "The bus is faster than the train."),
    ("Postgres uses more memory than SQLite.", "SQLite needs more memory than Postgres."),
    ("Kenji is older than Tomas.", "Kenji is younger than Tomas."),
    ("The blue model costs less than the grey model.", "The blue model is more expensive than the grey one."),
    ("Lisbon is warmer than Porto this week.", "This week Lisbon is colder than Porto."),
    ("Run the migration before the deploy.", "Deploy before running the migration."),
    ("Install Redis before you start the worker.", "Start the worker before Redis is installed."),
    ("The lock is released before the file is closed.", "The lock is released after the file is closed."),
    ("Breakfast comes after the briefing.", "The briefing takes place after breakfast."),
    ("Copy the files from staging to production.", "Staging should get the files copied from production."),
    ("Move 20 units from Leeds to Hull.", "Leeds receives 20 units from Hull."),
    ("The flight goes from Vienna to Tallinn.", "The flight departs Tallinn and lands in Vienna."),
    ("He transferred the domain from Acme to Birch.", "The domain was moved to Acme from Birch."),
    ("Convert the amount from dollars to yen.", "The yen amount must be converted into dollars."),
    ("If the pump stops, the alarm sounds.", "If the alarm sounds, the pump stops."),
    ("If the cache is full, the server restarts.", "Whenever the server restarts, the cache is full."),
    ("The outage was caused by the storm.", "The outage led to the storm."),
    ("Stress causes insomnia.", "Stress is the result of insomnia."),
    ("The parser depends on the lexer.", "The lexer depends on the parser."),
    ("Service A calls service B.", "Service B calls service A."),
    ("Dog inherits from Animal.", "Dog is the parent class of Animal."),
    ("`Cart` extends `Basket`.", "`Basket` extends `Cart`."),
    ("Marta taught Ilse to sail.", "Ilse taught Marta to sail."),
    ("The Falcons beat the Otters 3-1.", "The Falcons lost 3-1 to the Otters."),
    ("The Falcons beat the Otters.", "The Otters defeated the Falcons."),
    ("Zoe invited Karl to the gala.", "Karl invited Zoe to the gala."),
    ("Zoe sent Karl the contract.", "Zoe received the contract from Karl."),
    ("The nurse handed the doctor the chart.", "The doctor handed the nurse the chart."),
    ("The client pays the agency within 30 days.", "The agency pays the client within 30 days."),
    ("The supplier must notify the buyer of delays.", "The buyer must notify the supplier of delays."),
    ("Ana asked Ben to review the code.", "Ben asked Ana to review the code."),
    ("Ana's brother is Ben's teacher.", "Ben's brother is Ana's teacher."),
    ("Ana forwarded the email to Ben.", "Ben forwarded the email to Ana."),
    ("You will receive a refund from the hotel.", "You will refund the hotel."),
    ("We will call you tomorrow.", "You should call us tomorrow."),
    (
        "The landlord may enter after giving the tenant notice.",
        "The tenant may enter after giving the landlord notice.",
    ),
    ("Mila replaces Jonas as treasurer.", "Jonas takes over from Mila as treasurer."),
    ("Mila replaces Jonas as treasurer.", "Jonas replaces Mila as treasurer."),
    ("The museum is north of the station.", "The station lies north of the museum."),
    ("The lamp hangs above the desk.", "The desk is above the lamp."),
    ("Version 2 replaces version 1.", "Version 1 supersedes version 2."),
    ("Use tabs instead of spaces.", "Tabs should be replaced with spaces."),
    ("Vitamin C improves iron absorption.", "Iron improves vitamin C absorption."),
    ("Germany exports cars to Norway.", "Germany imports cars from Norway."),
    (
        "The judge criticised the lawyer for interrupting the witness.",
        "The judge criticised the witness for interrupting the lawyer.",
    ),
    ("Sam works for Tilda.", "Sam employs Tilda."),
    ("Rosa rented her flat to Emil.", "Rosa rents the flat from Emil."),
    ("Users can view reports; admins can edit them.", "Users can edit reports; admins can view them."),
    ("The cat scratched the dog.", "It was the dog that scratched the cat."),
    ("Lucia followed Piotr to Rome.", "Piotr followed Lucia to Rome."),
    ("The plaintiff appealed; the defendant settled.", "The plaintiff settled; the defendant appealed."),
    ("The adapter wraps the client.", "The adapter is wrapped by the client."),
    ("Sales rose in Spain and fell in Italy.", "Sales rose in Italy and fell in Spain."),
    (
        "Team Red is responsible for testing and Team Blue for design.",
        "Testing is on Team Blue, design on Team Red.",
    ),
    ("Tom is Anna's father.", "Tom is Anna's son."),
    ("Tom is Anna's landlord.", "Anna is Tom's landlord."),
    ("Bolt is a supplier of Nutworks.", "Nutworks is a supplier of Bolt."),
    ("Bolt supplies Nutworks with steel.", "Bolt gets its steel from Nutworks."),
    ("Elsa trusts Hugo.", "Hugo trusts Elsa."),
    ("Elsa apologised to Hugo.", "Hugo apologised to Elsa."),
    ("The editor rejected the author's draft.", "The author rejected the editor's draft."),
    ("Gate 4 serves Zone A and gate 7 serves Zone C.", "Zone C is served by gate 4, Zone A by gate 7."),
    ("Alpha leads Beta by 5 points.", "Alpha trails Beta by 5 points."),
    ("The bot banned the moderator.", "The moderator banned the bot."),
    ("Our branch merges into main.", "Main merges into our branch."),
]

KEPT = [
    ("Nadia manages Pavel.", "Pavel's manager is Nadia."),
    ("Nadia manages Pavel.", "Nadia is Pavel's manager."),
    ("Nadia reports to Pavel.", "Pavel is in charge of Nadia."),
    ("Nadia is Pavel's supervisor.", "Pavel is supervised by Nadia."),
    ("Oskar lent his drill to Maren.", "Maren borrowed the drill from Oskar."),
    ("Helix bought Orbis for 3 million.", "Orbis was acquired by Helix for 3 million."),
    ("Helix bought Orbis for 3 million.", "For 3 million, Orbis was sold to Helix."),
    ("Orbis sold the plant to Helix.", "Helix purchased the plant from Orbis."),
    ("The bank owes the broker 500 euros.", "The broker is owed 500 euros by the bank."),
    (
        "The tenant owes the landlord two months' rent.",
        "The landlord has two months' rent coming from the tenant.",
    ),
    ("It is 4 °C in Oslo and 9 °C in Bergen.", "Bergen has 9 °C, Oslo 4 °C."),
    ("Invoice A is 300 euros and invoice B is 450 euros.", "Invoice B comes to 450 euros, invoice A to 300."),
    ("Ravi has the keys and Lena has the badge.", "Lena holds the badge, Ravi the keys."),
    (
        "The red cable goes to port 1, the blue cable to port 2.",
        "Plug the blue cable into port 2 and the red one into port 1.",
    ),
    ("The train is faster than the bus.", "The bus is slower than the train."),
    ("Postgres uses more memory than SQLite.", "SQLite needs less memory than Postgres."),
    ("Kenji is older than Tomas.", "Tomas is younger than Kenji."),
    ("The blue model costs less than the grey model.", "The grey model is more expensive than the blue one."),
    ("Lisbon is warmer than Porto this week.", "This week Porto is colder than Lisbon."),
    ("Run the migration before the deploy.", "Deploy after running the migration."),
    ("Install Redis before you start the worker.", "Start the worker only after Redis is installed."),
    ("The lock is released before the file is closed.", "The file is closed after the lock is released."),
    ("Breakfast comes after the briefing.", "The briefing takes place before breakfast."),
    ("Copy the files from staging to production.", "Production should get the files copied from staging."),
    ("Move 20 units from Leeds to Hull.", "Hull receives 20 units from Leeds."),
    ("The flight goes from Vienna to Tallinn.", "The flight departs Vienna and lands in Tallinn."),
    ("He transferred the domain from Acme to Birch.", "The domain was moved to Birch from Acme."),
    ("Convert the amount from dollars to yen.", "The dollar amount must be converted into yen."),
    ("If the pump stops, the alarm sounds.", "The alarm goes off when the pump stops."),
    ("If the cache is full, the server restarts.", "The server restarts whenever the cache is full."),
    ("The outage was caused by the storm.", "The storm led to the outage."),
    ("Stress causes insomnia.", "Insomnia is the result of stress."),
    ("The parser depends on the lexer.", "The lexer is needed by the parser."),
    ("Service A calls service B.", "Service B is called by service A."),
    ("Dog inherits from Animal.", "Animal is the parent class of Dog."),
    ("`Cart` extends `Basket`.", "`Basket` is extended by `Cart`."),
    ("Marta taught Ilse to sail.", "Ilse learned to sail from Marta."),
    ("The Falcons beat the Otters 3-1.", "The Otters lost 3-1 to the Falcons."),
    ("The Falcons beat the Otters.", "The Otters were defeated by the Falcons."),
    ("Zoe invited Karl to the gala.", "Karl was invited to the gala by Zoe."),
    ("Zoe sent Karl the contract.", "Karl received the contract from Zoe."),
    ("The nurse handed the doctor the chart.", "The doctor was handed the chart by the nurse."),
    ("The client pays the agency within 30 days.", "The agency is paid by the client within 30 days."),
    ("Ana asked Ben to review the code.", "Ben was asked by Ana to review the code."),
    ("Ana's brother is Ben's teacher.", "Ben is taught by Ana's brother."),
    ("Ana forwarded the email to Ben.", "Ben got the email forwarded by Ana."),
    ("You will receive a refund from the hotel.", "The hotel will refund you."),
    ("We will call you tomorrow.", "You will get a call from us tomorrow."),
    (
        "The landlord may enter after giving the tenant notice.",
        "After notice to the tenant, the landlord may enter.",
    ),
    ("Mila replaces Jonas as treasurer.", "Jonas is succeeded by Mila as treasurer."),
    ("Mila replaces Jonas as treasurer.", "Mila takes over from Jonas as treasurer."),
    ("The museum is north of the station.", "The station lies south of the museum."),
    ("The lamp hangs above the desk.", "The desk is below the lamp."),
    ("Version 2 replaces version 1.", "Version 1 is superseded by version 2."),
    ("Prefer httpx over requests.", "httpx is preferable to requests."),
    ("Vitamin C improves iron absorption.", "Iron absorption is improved by vitamin C."),
    ("Germany exports cars to Norway.", "Norway imports cars from Germany."),
    (
        "The judge criticised the lawyer for interrupting the witness.",
        "The lawyer was criticised by the judge for interrupting the witness.",
    ),
    ("Sam works for Tilda.", "Tilda employs Sam."),
    ("Omar introduced Lily to Finn's boss.", "Lily was introduced to Finn's boss by Omar."),
    ("The cat scratched the dog.", "The dog was scratched by the cat."),
    ("Lucia followed Piotr to Rome.", "Piotr was followed to Rome by Lucia."),
    (
        "The plaintiff appealed; the defendant settled.",
        "The defendant settled, while the plaintiff appealed.",
    ),
    ("The adapter wraps the client.", "The client is wrapped by the adapter."),
    ("Sales rose in Spain and fell in Italy.", "Italy saw sales fall while in Spain they rose."),
    (
        "Team Red is responsible for testing and Team Blue for design.",
        "Testing is on Team Red, design on Team Blue.",
    ),
    ("Tom is Anna's father.", "Anna is Tom's daughter."),
    ("Tom is Anna's landlord.", "Anna is Tom's tenant."),
    ("Bolt is a supplier of Nutworks.", "Nutworks is a customer of Bolt."),
    ("Bolt supplies Nutworks with steel.", "Nutworks gets its steel from Bolt."),
    ("Elsa trusts Hugo.", "Hugo is trusted by Elsa."),
    ("Elsa apologised to Hugo.", "Hugo received an apology from Elsa."),
    ("The editor rejected the author's draft.", "The author's draft was rejected by the editor."),
    ("Gate 4 serves Zone A and gate 7 serves Zone C.", "Zone C is served by gate 7, Zone A by gate 4."),
    ("Alpha leads Beta by 5 points.", "Beta trails Alpha by 5 points."),
    ("The bot banned the moderator.", "The moderator got banned by the bot."),
    ("Our branch merges into main.", "Main gets our branch merged into it."),
]

MUTUAL = [
    ("Ines met Rolf in Graz.", "Rolf met Ines in Graz."),
    ("Ines married Rolf.", "Rolf married Ines."),
    ("Ines and Rolf run the shop.", "Rolf and Ines run the shop."),
    ("Helix collaborates with Orbis.", "Orbis collaborates with Helix."),
    ("Milk differs from cream.", "Cream differs from milk."),
    ("Invite Ines, Rolf and Kai.", "Kai, Rolf and Ines should be invited."),
    ("The kitchen is next to the office.", "The office is next to the kitchen."),
    ("Helix merged with Orbis.", "Orbis merged with Helix."),
    ("Use either tabs or spaces.", "Use either spaces or tabs."),
    ("Ines is Rolf's cousin.", "Rolf is Ines's cousin."),
    ("Ines is married to Rolf.", "Rolf is married to Ines."),
    ("The bakery is opposite the bank.", "The bank is opposite the bakery."),
    ("Paris is 300 km from Lyon.", "Lyon is 300 km from Paris."),
    ("In Oslo it is 4 degrees and in Bergen 9 degrees.", "In Bergen it is 9 degrees and in Oslo 4 degrees."),
    ("Ship 40 units to Brenna and 25 to Olm.", "Ship 25 units to Olm and 40 to Brenna."),
    ("Nadia agreed with Pavel.", "Pavel and Nadia agreed."),
    ("The fee is 5 euros for adults and 3 for children.", "Children pay 3 euros, adults 5."),
    ("Ana wrote to Ben, and Ben called Ana.", "Ben called Ana, and Ana wrote to Ben."),
]


@pytest.mark.parametrize(("expected", "actual"), EXCHANGED)
def test_parties_that_changed_places_are_not_accepted(expected: str, actual: str):
    assert compare(expected, actual).verdict != "same"


@pytest.mark.parametrize(("expected", "actual"), KEPT)
def test_the_same_parts_told_from_another_end_are_accepted(expected: str, actual: str):
    assert compare(expected, actual)


@pytest.mark.parametrize(("expected", "actual"), MUTUAL)
def test_the_order_of_a_list_and_of_what_is_mutual_tells_nothing(expected: str, actual: str):
    assert compare(expected, actual)


def test_a_finding_names_the_parties():
    told = compare("Helix bought Orbis for 3 million.", "Helix was acquired by Orbis for 3 million.")
    assert [finding.kind for finding in told.findings] == ["roles"]
    assert "changed places" in told.reasons[0]


def test_short_texts_are_read_in_one_language():
    assert not compare("Mila replaces Jonas as treasurer.", "Jonas takes over from Mila as treasurer.")
