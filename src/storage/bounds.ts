/** Rows that the small stores give, take or keep at most; the ports promise them for every engine. */
export const bounds = Object.freeze({
  liveKeys: 20,
  listed: 10_000,
  touched: 1_000,
  lastGood: 10,
  freezes: 1_000,
  echoes: 1_000,
  echoSlice: 500,
  eventBatch: 256,
  eventsListed: 1_000,
  eventSlice: 500,
  claims: 256,
  joined: 256,
  settled: 256,
  acted: 1_000,
  attempts: 10,
  newer: 50,
});
