"""What users of the Python libraries do, run inside each library's own environment.

These modules import the client library and the standard library, nothing that the locked
environments lack. Each public function of a scenario module is one scenario.
"""
