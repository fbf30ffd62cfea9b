"""Signed evidence of what a model was asked and answered: cut from a tape, verified by others, asked anew."""

import tempfile
from pathlib import Path

import openai

import spantape
from spantape import rerun
from spantape.errors import NotVerified
from spantape.testing import ModelServer, text

QUESTION = [
    {"role": "system", "content": "Answer in one word."},
    {"role": "user", "content": "Is the application approved?"},
]


def main() -> None:
    tape = Path(tempfile.mkdtemp()) / "decision.tape"
    with ModelServer(
        [text("Approved."), text("Approved."), text("Denied.")]
    ) as server:  # stands for the provider
        endpoint = rerun.Endpoint(server.base_url("openai"))
        client = openai.OpenAI(base_url=endpoint.base_url, api_key="none")
        with spantape.record(tape):
            client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, temperature=0, top_p=1)

        # who recorded it signs: a bundle holds hashes, no content
        key = rerun.PrivateKey.generate()
        (evidence,) = rerun.cut(spantape.read_tape(tape), key=key)
        print(f"signed: {evidence.bundle['model']['id']}, {evidence.bundle['tolerance']['level']}")

        # who trusts the signer checks the record, and later asks the model again
        trust = rerun.TrustPolicy([key.public])
        proven = rerun.verify(evidence.bundle, evidence.actual, trust)
        print(f"proven by the trusted key: {proven.signer == key.public}")
        inputs = rerun.step_inputs(evidence.record)
        for _ in range(2):
            actual = rerun.apply(evidence.bundle, inputs, endpoint)
            try:
                rerun.verify(evidence.bundle, actual, trust)
                print("asked anew: the same answer")
            except NotVerified as error:
                print("asked anew:", str(error.result.errors[0]).partition(":")[0])


if __name__ == "__main__":
    main()
