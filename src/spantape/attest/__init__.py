"""Attestations of whole tapes: who vouches for a recording, and one step of it proven without the rest.

::

    from spantape.attest import attest, prove, verify, verify_proof, write_attestation
    from spantape.rerun.keys import load_private_key, load_trust

    envelope = attest("run.tape", load_private_key("signing.key"))
    write_attestation(envelope, "run.tape.att")
    verify("run.tape", load_trust(["signing.pub"])).tape             # the tape, or an error that says why not

    proof = prove("run.tape", step=2)
    verify_proof(proof, load_trust(["signing.pub"])).content         # its bodies; the other steps stay unknown

An attestation is an in-toto Statement in a DSSE envelope; `vectors/attestation/README.md` specifies both files.
"""

from spantape.attest.attesting import attest, attestation_path, write_attestation
from spantape.attest.countersigning import countersign
from spantape.attest.dsse import Envelope, Signature, read_envelope
from spantape.attest.predicate import PREDICATE_TYPE, Predicate, Statement
from spantape.attest.proof import (
    PROOF_TYPE,
    Proof,
    ProvenStep,
    load_proof,
    prove,
    read_proof,
    verify_proof,
    write_proof,
)
from spantape.attest.record import AgentRecord, ExchangeRecord, Record, ToolRecord
from spantape.attest.verifying import AttestedTape, Signed, Trust, load_envelope, signed_statement, verify

__all__ = [
    "PREDICATE_TYPE",
    "PROOF_TYPE",
    "AgentRecord",
    "AttestedTape",
    "Envelope",
    "ExchangeRecord",
    "Predicate",
    "Proof",
    "ProvenStep",
    "Record",
    "Signature",
    "Signed",
    "Statement",
    "ToolRecord",
    "Trust",
    "attest",
    "attestation_path",
    "countersign",
    "load_envelope",
    "load_proof",
    "prove",
    "read_envelope",
    "read_proof",
    "signed_statement",
    "verify",
    "verify_proof",
    "write_attestation",
    "write_proof",
]
