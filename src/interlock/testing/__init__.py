"""Public test tools: the connector conformance suite, fault injection, the fault proxy."""
