"""The command line: commands that ask the daemon, and how their answers look.

The promise: one sentence for every error, saying what, which path, which peer and what to do; a
non-zero exit status; never a traceback. Talks to the daemon through its control socket only.

In reading order:
    main, options                                   `realizefs`, its errors; what all commands take
    commands_home, commands_joining, commands_peers, commands_daemon, commands_paths,
    commands_cache, commands_check, commands_safety, commands_rates, commands_rules, commands_doctor,
    commands_background, commands_service, commands_completion,
    commands_uninstall, commands_live, commands_top, commands_journal, commands_schema
                                                    the commands
    commands_desktop                                file managers; the extensions are in desktop/
    commands_web, web_serving, web_page, web_access, web_slices
                                                    the page in a browser; who may ask it; long commands
    web_way_in                   how a browser is led there
    log_lines                                       what happened, a line each
    foresight                                       what a mark would do, shown
    unit_file, systemd, owned_files                 a unit's text; the user's systemd, asked; our files
    completing, manual, version                     what shells offer; man pages; release and commit
    top, screen                                     what goes on as lines; a terminal to draw them on
    conversation                                    a command that asks something meanwhile
    client, mounting, fstab, render, qr             asking; mounting, and as fstab asks; printing
"""
