"""The port to the database, as its users see it. Adapters: `cloud_bridge.store.sqlite` (PostgreSQL will be another).

Every method that touches a vehicle's data is keyed by its VIN first. Ranges of time are half-open, [from, to), in Unix
milliseconds; several are a union. Lists are in ascending time.

A port for each user: `Registry` (the command line), `Receiving` (ingest), `Derived` (derivation), `Reader` (the API),
`Erasing` and `Pruning` (what is deleted) and `Uses` (limits). Every method is one transaction, but for
`Derived.forget`.
"""
