"""Plans become effects. Nothing here decides: `walk` orders the steps, `perform` does one,
`inflight` tells the next decision what is already under way, `backoff` lets what failed rest."""
