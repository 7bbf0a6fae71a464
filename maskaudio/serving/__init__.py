"""`maskaudio serve`: an HTTP API in front of one queue, in which waiting requests are decoded together."""
