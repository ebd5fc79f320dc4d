"""Shared helpers of the tests: people and content, pages, servers and machines. This package has no tests.

- people and content: sample_newsroom, desk_people, assignments, letters, translations, main_job, mailroom,
  sample_edition, pictures
- pages without a real browser: pages, desk, reader_pages, crawler
- real browsers: browsers, user_browsers, waiting, network_faults
- databases: databases, postgres, database_checks, former_newsroom
- mails: incoming_mails, reply_mails, reply_languages, outgoing_mails, hostile_mails
- other servers: fake_servers, sending_tools, real_ghost, smtp_servers, mail_servers, dns_server, oidc_provider,
  token_server, dependency_advisories
- the running product: app, commands, processes, preloaded_app, tls_proxy, years_later; processes that are killed:
  killed_backup, killed_intake, killed_worker
- machines: debian_machine, mail_machine, proxies, many_machines, first_edition
- attacks: payloads, payload_newsroom, floods
- the repository itself: source, docs, odd_names, dependency_audit, dependency_licences
- the test run: clock, timing, required_programs, required_rows, security_table, xdist_schedule
"""
