import type { Examiner, Step } from './exercise.ts'
import { Failed } from './failed.ts'
import { hasRead } from './held-back.ts'
import { survives } from './survives.ts'
import type { Expected, Talk } from './talk.ts'

/** Requests and answers of a protocol, for the steps that several exercises share. */
export interface Dialogue {
  /** The bytes of the nth request: another request for each n. */
  request(n: number): Buffer
  /** Waits for the answers to the requests from `first` on, `times` of them. */
  answered(
    at: Examiner,
    talk: Talk,
    first: number,
    times: number,
    expected: Expected,
  ): Promise<void>
}

/** How long clients stay silent: longer than the usual timeouts of 1, 2, 5 and 10 s. */
const SILENCE_MS = 13_000
/** How often the other clients send a request meanwhile. */
const EXCHANGE_EVERY_MS = 500
/** Servers that limit silence close all silent connections within this time. */
const CLOSING_MS = 1000
/** The number of clients that are connected at the same time. */
const CROWD = 200
/** The number of clients that come and go afterwards. */
const VISITORS = 100
/** A crowd that sends at the same moment may wait for its turn. */
const CROWD_PATIENCE_MS = 20_000
/** More bytes of answers than the buffers of two sockets hold with the usual settings of Linux. */
const MUCH_BYTES = 6 * 2 ** 20
const BLOCK_BYTES = 65_536
/** How long nothing must move until a server counts as one that holds the client back. */
const QUIET_MS = 1000

const WAITS =
  'it waits for one client and serves no other meanwhile: a blocking call, or one client at a time'

/** A client that is silent, the place where it stopped, and what it sends in the end. */
interface Silent {
  talk: Talk
  place: string
  n: number
  rest: Buffer
}

/** Clients are silent before, between and inside requests, while others are served. */
export function patienceStep(
  dialogue: Dialogue,
  /** Something else that takes long: begins it, and returns how to wait for its end. */
  begin?: (at: Examiner) => Promise<() => Promise<void>>,
): Step {
  return {
    title: 'lets clients fall silent at any point, and serves others meanwhile',
    alongside: true,
    async run(at) {
      const finish = await begin?.(at)
      const silent = await silentClients(at, dialogue)
      const regular = await at.connect()
      const endMs = performance.now() + SILENCE_MS
      for (let n = 1000; performance.now() < endMs; n++) {
        const guest = await at.connect()
        for (const talk of [regular, guest]) {
          talk.send(dialogue.request(n))
          await dialogue.answered(at, talk, n, 1, { mistake: WAITS })
        }
        guest.close()
        await at.pause(EXCHANGE_EVERY_MS)
        if (silent.some(({ talk }) => hasEnded(talk))) await at.pause(CLOSING_MS)
        for (const one of silent) mustBeOpen(at, one)
      }
      for (const { talk, place, n, rest } of silent) {
        talk.send(rest)
        const mistake = `a client that was silent ${place} for ${SILENCE_MS / 1000} s must still get its answer`
        await dialogue.answered(at, talk, n, 1, { mistake })
      }
      await finish?.()
    },
  }
}

async function silentClients(at: Examiner, dialogue: Dialogue): Promise<Silent[]> {
  const length = dialogue.request(1).length
  const inside = [1, length >> 2, length >> 1, (3 * length) >> 2, length - 1]
  const cuts = [...new Set(inside)].filter(cut => cut > 0 && cut < length)
  const fresh = await at.connect()
  const silent = [{ talk: fresh, place: 'before its first byte', n: 0, rest: dialogue.request(0) }]
  for (const cut of [0, ...cuts]) {
    const talk = await at.connect()
    const [before, n] = [2 * cut + 2, 2 * cut + 1]
    const request = dialogue.request(n)
    // The answer to the whole request shows that the part of the next one has been read as well.
    talk.send(Buffer.concat([dialogue.request(before), request.subarray(0, cut)]))
    await dialogue.answered(at, talk, before, 1, {})
    const place = cut === 0 ? 'between two requests' : 'in the middle of a request'
    silent.push({ talk, place, n, rest: request.subarray(cut) })
  }
  return silent
}

const hasEnded = ({ socket }: Talk): boolean => socket.readableEnded || socket.closed

function mustBeOpen(at: Examiner, { talk, place }: Silent): void {
  if (!hasEnded(talk) && talk.unread === 0) return
  const did = hasEnded(talk) ? 'ended the connection of' : 'sent bytes to'
  at.fail({
    what: `it ${did} a client that had been silent for less than ${SILENCE_MS / 1000} s, ${place}`,
    mistake: 'a timeout ends it, although a client may be silent for as long as it likes',
  })
}

/** Many clients are inside a request at the same time; later many come and go. */
export function crowdStep(dialogue: Dialogue): Step {
  return {
    title: `serves ${CROWD} clients at once, and keeps serving after they have gone`,
    async run(at) {
      const crowd: { talk: Talk; n: number; rest: Buffer }[] = []
      const limit = 'a limit on the number of clients, or room for the state of only a few of them'
      for (let n = 0; n < CROWD; n++) {
        const talk = await at.connect()
        const request = dialogue.request(CROWD + n)
        const cut = 1 + (n % (request.length - 1))
        talk.send(Buffer.concat([dialogue.request(n), request.subarray(0, cut)]))
        await dialogue.answered(at, talk, n, 1, { mistake: limit })
        crowd.push({ talk, n: CROWD + n, rest: request.subarray(cut) })
      }
      // The last to come are the first to go on.
      for (const { talk, rest } of crowd.toReversed()) talk.send(rest)
      for (const { talk, n } of crowd) {
        await dialogue.answered(at, talk, n, 1, { mistake: limit, patienceMs: CROWD_PATIENCE_MS })
      }
      for (const { talk } of crowd) talk.close()
      await survives(at, () => visitors(at, dialogue))
    },
  }
}

/** Clients come one after the other, and leave in every way there is. */
async function visitors(at: Examiner, dialogue: Dialogue): Promise<void> {
  const mistake =
    'clients that have gone still use resources: free them, however the connection ended'
  for (let n = 0; n < VISITORS; n++) {
    const talk = await at.connect()
    const next = dialogue.request(n + 1)
    talk.send(Buffer.concat([dialogue.request(n), next.subarray(0, next.length >> 1)]))
    await dialogue.answered(at, talk, n, 1, { mistake, patienceMs: CROWD_PATIENCE_MS })
    if (n % 3 === 0) talk.reset()
    else if (n % 3 === 1) talk.finish()
    else talk.close()
  }
}

/** For a protocol in which each answer is known byte by byte. */
export function exactDialogue(
  request: (n: number) => Buffer,
  answer: (n: number) => Buffer,
): Dialogue {
  // The same answers are expected again and again where there are many of them.
  let known = { first: 0, times: 0, bytes: Buffer.alloc(0) }
  return {
    request,
    answered: (_at, talk, first, times, expected) => {
      if (known.first !== first || known.times !== times) {
        const answers = Array.from({ length: times }, (_, n) => answer(first + n))
        known = { first, times, bytes: Buffer.concat(answers) }
      }
      return talk.expect(known.bytes, expected)
    },
  }
}

/** One client sends many requests and reads no answer; then it reads them all. */
export function slowReaderStep(dialogue: Dialogue, answerBytes: number): Step {
  return {
    title: 'serves others while one client does not read, and loses none of its answers',
    async run(at) {
      const earlier = await at.connect()
      const sleeper = await at.connect({ reading: false })
      const perBlock = Math.ceil(BLOCK_BYTES / answerBytes)
      const block = Buffer.concat(Array.from({ length: perBlock }, (_, n) => dialogue.request(n)))
      const blocks = Math.ceil(MUCH_BYTES / (perBlock * answerBytes))
      let sent = await sleeper.pour(block, blocks, QUIET_MS)
      // Where it stopped short, one more block is on its way.
      if (sent < blocks) sent++
      await hasRead(sleeper, QUIET_MS)
      await othersAreServed(at, dialogue, earlier)
      sleeper.finish()
      sleeper.read()
      for (let n = 0; n < sent; n++) {
        await dialogue.answered(at, sleeper, 0, perBlock, {
          bulk: true,
          mistake:
            'answers are lost when a client does not read: send() may take only a part, and a FIN does not cancel what is still to be sent',
        })
      }
      await sleeper.expectEnd()
    },
  }
}

/**
 * Other clients get their answers while one reads none.
 *
 * @throws {Failed} when they do not.
 */
export async function othersAreServed(
  at: Examiner,
  dialogue: Dialogue,
  earlier: Talk,
): Promise<void> {
  try {
    for (const other of [earlier, await at.connect()]) {
      for (let n = 0; n < 3; n++) {
        other.send(dialogue.request(n))
        await dialogue.answered(at, other, n, 1, {})
      }
    }
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    const state = (await at.subject.hasEnded()) ? at.subject.fate() : at.subject.condition()
    at.fail({
      what: `while one client did not read its answers, another one got none (${state})`,
      mistake: WAITS,
    })
  }
}
