extension Metric {
    /// What is known of the process, under the names that every Prometheus client uses.
    static let ofProcess: [Metric] = [
        Metric(
            "process_cpu_seconds",
            .counter,
            unit: "seconds",
            help: "Total user and system CPU time spent in seconds"
        ) { $0.process.map { .nanoseconds($0.cpuNanoseconds) } },
        Metric(
            "process_resident_memory_bytes",
            .gauge,
            unit: "bytes",
            help: "Resident memory size in bytes"
        ) { $0.process.map { .integer($0.residentMemoryBytes) } },
        Metric(
            "process_virtual_memory_bytes",
            .gauge,
            unit: "bytes",
            help: "Virtual memory size in bytes"
        ) { $0.process.map { .integer($0.virtualMemoryBytes) } },
        Metric(
            "process_open_fds",
            .gauge,
            help: "Number of open file descriptors"
        ) { $0.process?.openDescriptors.map { .integer($0) } },
        Metric(
            "process_max_fds",
            .gauge,
            help: "Maximum number of open file descriptors"
        ) { $0.process.map { .integer($0.descriptorsMax) } },
        Metric(
            "process_start_time_seconds",
            .gauge,
            unit: "seconds",
            help: "Start time of the process since unix epoch in seconds"
        ) { $0.process.map { .nanoseconds($0.startNanoseconds) } },
    ]
}
