"""How equal is equal enough: tolerance levels, call graphs, and the policy file that sets them per step, tool or field."""
