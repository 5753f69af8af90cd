"""The whole of Perennial on one machine: real Kafka and real Postgres, no Docker, no root.

    from perennial_embedded.access import Access, TopicSpec
    from perennial_embedded.system import System, serve, down

    access = Access([TopicSpec("leads.v1", 24, ["lead-intake"], ["scoring"])], observers=["oncall"])

    asyncio.run(serve(System(home, access), announce=print_addresses))   # perennial up
    down(home)                                                           # perennial down

    async with System(home, access, clock="ticks") as system:            # tests, demo
        system.addresses.url("scoring")

    async with Stack(home, schemas=["scoring"], access=access) as stack:  # only the servers
        stack.addresses.bootstrap

What other commands need of a running system, they read from its home:

    addresses = Addresses(Home(path))      # state.py
    addresses.bootstrap                    # "127.0.0.1:<port>"; SASL_PLAINTEXT, SCRAM-SHA-512
    addresses.admin, addresses.credentials("oncall")     # Credentials(username, password)
    addresses.dsn("scoring")               # role scoring, scoring_migrate, scoring_relay, postgres
    addresses.url("scoring")               # base URL of a service
    State.of(Home(path))                   # status, supervisor, processes: pid and start time

    async for finding in doctor.examine(home, access): ...               # perennial doctor

A service is started as `python -m <package>.main migrate`, then `… door` and `… relay`, with
PERENNIAL_DATABASE_URL (postgresql://, the role of that process), PERENNIAL_KAFKA_BOOTSTRAP, _USER,
_PASSWORD, PERENNIAL_HTTP_PORT (door), PERENNIAL_CLOCK (wall or ticks), PERENNIAL_HEARTBEAT (a file
to touch every 2 s), PERENNIAL_SECRETS (a folder with the public key of tokens and the service's own
`master.key`, and its own `service.token` if it asks others; the private key of tokens stays in the home's `secrets`), PERENNIAL_PEERS (JSON: service to base URL). The door answers
`/readyz` when it can work and `/healthz` while it lives. A process that ends is started again;
one that doesn't answer for 10 s is killed and started again.
"""
