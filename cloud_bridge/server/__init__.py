"""The HTTP server under the API: TLS, connections that end, answers that leave in one go, memory that is given back."""
