/**
 * What a step of the state machine means, told by the socket that takes it (RFC 9293 §3.3.2).
 *
 * The names are those of RFC 9293; where the same state is left for different reasons, the words
 * say what can be known from the step alone.
 */
const STEPS: Record<string, string> = {
  'CLOSED LISTEN': 'waits for connections',
  'CLOSED SYN-SENT': 'I ask for a connection and wait for the answer',
  'LISTEN SYN-RECEIVED': 'a new socket for this client; the listener stays',
  'SYN-SENT SYN-RECEIVED': 'both have asked at the same moment',
  'SYN-SENT ESTABLISHED': 'the other side agreed: I may send and receive',
  'SYN-RECEIVED ESTABLISHED': 'handshake complete; the program did nothing',
  'ESTABLISHED FIN-WAIT-1': 'I am done: my FIN leaves behind my last byte',
  'SYN-RECEIVED FIN-WAIT-1': 'I am done: my FIN leaves behind my last byte',
  'FIN-WAIT-1 FIN-WAIT-2': 'my FIN was acknowledged; the peer may still send',
  'FIN-WAIT-1 CLOSING': 'the FINs of both ends have crossed',
  'FIN-WAIT-1 TIME-WAIT': 'my FIN was acknowledged, and the peer has sent its own',
  'FIN-WAIT-2 TIME-WAIT': 'the peer is done too; I wait for late segments',
  'CLOSING TIME-WAIT': 'my FIN was acknowledged; I wait for late segments',
  'ESTABLISHED CLOSE-WAIT': 'the peer has sent its FIN; I may still send',
  'SYN-RECEIVED CLOSE-WAIT': 'the peer has sent its FIN; I may still send',
  'CLOSE-WAIT LAST-ACK': 'I am done too: my FIN leaves, and I wait for its ACK',
  'LAST-ACK CLOSED': 'my FIN was acknowledged: both ends are done',
  'TIME-WAIT CLOSED': 'the wait is over, the address is free',
  'LISTEN CLOSED': 'takes no more connections',
  'SYN-SENT CLOSED': 'refused or given up: there is no connection',
  'SYN-RECEIVED CLOSED': 'given up before the handshake was complete',
  'ESTABLISHED CLOSED': 'reset: over at once, with nothing more sent or received',
  'CLOSE-WAIT CLOSED': 'reset: over at once, without a FIN of mine',
  'FIN-WAIT-1 CLOSED': 'over: reset, or nobody was left to wait',
  'FIN-WAIT-2 CLOSED': 'over: reset, or the peer has not ended in time',
}

/** Whether a socket can go from one state to the other without one in between. */
export const isStep = (from: string, to: string): boolean => `${from} ${to}` in STEPS

/**
 * What a step from one state to another means to the socket, as a sentence without a full stop.
 *
 * `sampled`: there may have been steps between that nobody saw. Then the end of a connection says
 * nothing about how it ended.
 */
export function explainState(from: string, to: string, sampled = false): string {
  const certain = ['LISTEN CLOSED', 'TIME-WAIT CLOSED']
  if (sampled && to === 'CLOSED' && !certain.includes(`${from} ${to}`)) {
    return 'gone when looked for again; the steps between were too short to be seen'
  }
  if (sampled && !isStep(from, to)) return `now ${to}; the steps between were too short to be seen`
  return STEPS[`${from} ${to}`] ?? `now ${to}`
}
