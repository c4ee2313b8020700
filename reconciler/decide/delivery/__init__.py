"""Blue-green and canary: from a stable version to the newest one, by steps that are judged.

recipe      how an object wants to be delivered
adapt       a delivery that was begun under another strategy, or by another clock
sight       how many pods there are of each version
begin       where a new version's delivery begins; recover: where one stands that was forgotten
stages      the table of transitions; canary, bluegreen: its rows; way: what they share
orders      what people tell it to do
judges      which analyses are asked for; judging: they are pursued
scale       how many pods of each version there should be
approach    from those that there are to those that there should be
restart     pods that are older than restartAt
versions    what the pods of a version are made from
split       who gets which traffic; weights: shares of it as weights of endpoints
ephemeral   labels that pods have as long as they play one part
plan        all of that for one object in one pass; waits: until when
words       what is said of it; courses: the steps to come; green_text: a blue-green's stages
memory      where a delivery stood that nobody remembers
handover    the Deployment that a Rollout takes its template from
"""
