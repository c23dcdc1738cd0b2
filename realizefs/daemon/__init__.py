"""The composition root: configuration, the application's life, the control socket, logs.

The promise: here, and nowhere else, environments are opened, layers are joined and tasks get their
nursery. Stopping it, however that happens, leaves no mount and no process behind.

In reading order:
    app, parts                      everything a daemon is made of, and its life
    arenas, opening, placing        its arenas: tried until they open; opened; where they may be
    listening, lan                  where others connect, tried until it works; announced where
    mounts, mounting                its one mount
    home, config                    where things are; what config.toml says
    config_reading, config_edit     it is read, and changed
    config_lines, sizes, addresses, moments
                                    the line of a key; 10GiB; where this machine is reached; 2d ago, yesterday
    cache_config, safety_config     what holds of a cache, and of what peers delete
    rate_config, background_config  of rates; of hours
    control, dispatch, arguments    the socket, the table of commands, their arguments
    conversation                    a command that asks something meanwhile
    setup_commands, household_commands, pairing_commands, peer_commands, daemon_commands, path_commands,
    listing_commands, cache_commands, check_commands, safety_commands, rate_commands, rule_commands,
    doctor_commands, foresight_commands, background_commands, farewell_commands,
    live_commands, journal_commands, locate, first_look
                                    the commands; from a path here to one in an arena; not known yet
    uninstalling                    removing what is only ours
    examining                       what `doctor` judges
    failures, logs, starting, clock what the user is told, and where
    exposing, exposition            metrics for Prometheus
    readiness, standing             what the service manager is told
    __main__                        `python -m realizefs.daemon run` and `once`
"""
