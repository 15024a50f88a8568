import ArgumentParser

/// How the process ends; the numbers are those of sysexits.h where it has a fitting one.
enum ExitStatus {
    /// The command line is wrong.
    static let usage = ExitCode(64)
    /// An address cannot be listened on.
    static let unavailable = ExitCode(69)
    /// The daemon could not start for another reason.
    static let software = ExitCode(70)
    /// The data directory or the database cannot be made or written.
    static let cannotCreate = ExitCode(73)
    /// The database is there, but cannot be used: locked, damaged, newer, another program's.
    static let inputOutput = ExitCode(74)
    /// The environment or the configuration file is wrong.
    static let configuration = ExitCode(78)

    /// The table for `--help`.
    static let explanation = """
        EXIT STATUS
          0   served until SIGTERM or SIGINT, and everything was put away
          64  the command line is wrong
          69  an address cannot be listened on
          70  another failure at start
          73  the data directory or database cannot be made or written
          74  the database is in use, damaged, newer or of another program
          78  the environment or the configuration file is wrong
        """
}
