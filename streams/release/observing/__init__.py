"""What a monitoring system is told of the flow: rules, alerts and dashboards."""
