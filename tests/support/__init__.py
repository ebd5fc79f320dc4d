"""What tests share: people and their doings, pages, servers and machines. Nothing here is a test.

- people and content: sample_newsroom, desk_people, assignments, letters, translations, main_job, mailroom, sample_edition,
  pictures
- pages without a real browser: pages, desk, reader_pages, crawler
- real browsers: browsers, user_browsers, waiting, network_faults
- databases: databases, postgres, database_checks, former_newsroom
- mails: incoming_mails, reply_mails, reply_languages, outgoing_mails, hostile_mails
- servers of others: fake_servers, sending_tools, real_ghost, smtp_servers, mail_servers, dns_server, oidc_provider,
  token_server, dependency_advisories
- the product as it runs: app, commands, processes, preloaded_app, tls_proxy, years_later; killed at any moment:
  killed_backup, killed_intake, killed_worker
- machines: debian_machine, mail_machine, proxies, many_machines, first_edition
- attacks: payloads, payload_newsroom, floods
- the repository itself: source, docs, odd_names, dependency_audit, dependency_licences
- the test run: clock, timing, required_programs, required_rows, security_table, xdist_schedule
"""
