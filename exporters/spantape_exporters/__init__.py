"""Where spans leave the process: OpenTelemetry exporters, one file each."""
