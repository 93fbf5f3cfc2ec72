import { waitUntilRead } from './back-pressure.ts'
import { CheckFailed } from './check-failed.ts'
import { CROWD, comeAndGo, connectCrowd } from './crowd.ts'
import type { CheckContext, Step } from './exercise.ts'
import type { Failure } from './failure.ts'
import { SILENCE_MS, type SilentClient, staySilent } from './silence.ts'
import { survivesResets } from './survives-resets.ts'
import { type Expectation, type TcpProbe, WAKE_UP_PATIENCE_MS } from './tcp-probe.ts'

/** Requests and answers of a protocol, for the steps that several exercises share. */
export interface Dialogue {
  /** The bytes of the nth request: another request for each n. */
  request(n: number): Buffer
  /** Waits for the answers to the requests from `first` on, `times` of them. */
  expectAnswers(
    check: CheckContext,
    probe: TcpProbe,
    first: number,
    times: number,
    expected: Expectation,
  ): Promise<void>
}

/** A crowd that sends at the same moment may wait for its turn. */
const CROWD_PATIENCE_MS = 20_000
/** More bytes of answers than the buffers of two sockets hold with the usual settings of Linux. */
const MUCH_BYTES = 6 * 2 ** 20
const BLOCK_BYTES = 65_536
/** How long nothing must move until a server counts as one that holds the client back. */
const QUIET_MS = 1000

const WAITS =
  'it waits for one client and serves no other meanwhile: a blocking call, or one client at a time'

/** Something else that takes long: begins it, and returns how to wait for its end. */
export type LongTask = (check: CheckContext) => Promise<() => Promise<void>>

/** Clients are silent before, between and inside requests, while others are served. */
export function silenceStep(dialogue: Dialogue, begin?: LongTask, silenceMs = SILENCE_MS): Step {
  return {
    title: 'lets clients fall silent at any point, and serves others meanwhile',
    alongside: true,
    async run(check) {
      const silent = await silentClients(check, dialogue)
      const endMs = performance.now() + silenceMs
      const finish = await begin?.(check)
      const regular = await check.connect()
      let n = 1000
      const serve = async () => {
        const guest = await check.connect()
        for (const probe of [regular, guest]) await exchange(check, dialogue, probe, n, WAITS)
        guest.close()
        n++
      }
      await staySilent(check, silent, serve, endMs - performance.now())
      await finish?.()
    },
  }
}

export async function exchange(
  check: CheckContext,
  dialogue: Dialogue,
  probe: TcpProbe,
  n: number,
  likelyCause?: string,
): Promise<void> {
  probe.send(dialogue.request(n))
  await dialogue.expectAnswers(check, probe, n, 1, { likelyCause })
}

async function silentClients(check: CheckContext, dialogue: Dialogue): Promise<SilentClient[]> {
  const length = dialogue.request(1).length
  const inside = [1, length >> 2, length >> 1, (3 * length) >> 2, length - 1]
  const cuts = [...new Set(inside)].filter(cut => cut > 0 && cut < length)
  const silent = (probe: TcpProbe, where: string, n: number, rest: Buffer): SilentClient => ({
    probe,
    where,
    async goOn() {
      probe.send(rest)
      const likelyCause = `a client that was silent ${where} must still get its answer`
      await dialogue.expectAnswers(check, probe, n, 1, { likelyCause })
    },
  })
  const clients = [silent(await check.connect(), 'before its first byte', 0, dialogue.request(0))]
  for (const cut of [0, ...cuts]) {
    const probe = await check.connect()
    const [before, n] = [2 * cut + 2, 2 * cut + 1]
    const request = dialogue.request(n)
    // The answer to the whole request shows that the part of the next one has been read as well.
    probe.send(Buffer.concat([dialogue.request(before), request.subarray(0, cut)]))
    await dialogue.expectAnswers(check, probe, before, 1, {})
    const where = cut === 0 ? 'between two requests' : 'in the middle of a request'
    clients.push(silent(probe, where, n, request.subarray(cut)))
  }
  return clients
}

/** Many clients are inside a request at the same time; later many come and go. */
export function crowdStep(dialogue: Dialogue): Step {
  return {
    title: 'serves many clients at once, and keeps serving after they have gone',
    async run(check) {
      const limit = 'a limit on the number of clients, or room for the state of only a few of them'
      const probes = await connectCrowd(check, (probe, n) =>
        exchange(check, dialogue, probe, n, limit),
      )
      const rests = probes.map((probe, n) => {
        const next = dialogue.request(CROWD + n)
        const cut = 1 + (n % (next.length - 1))
        probe.send(Buffer.concat([dialogue.request(n), next.subarray(0, cut)]))
        return next.subarray(cut)
      })
      const expected = { likelyCause: limit, patienceMs: CROWD_PATIENCE_MS }
      for (const [n, probe] of probes.entries())
        await dialogue.expectAnswers(check, probe, n, 1, expected)
      // The last to come are the first to go on.
      for (const [n, probe] of [...probes.entries()].toReversed()) probe.send(rests[n]!)
      for (const [n, probe] of probes.entries()) {
        await dialogue.expectAnswers(check, probe, CROWD + n, 1, expected)
      }
      for (const probe of probes) probe.close()
      await survivesResets(check, () => visitors(check, dialogue))
    },
  }
}

/** Clients come one after the other, and leave in every way there is. */
async function visitors(check: CheckContext, dialogue: Dialogue): Promise<void> {
  const likelyCause =
    'clients that have gone still use resources: free them, however the connection ended'
  const begin = async (probe: TcpProbe, n: number) => {
    const next = dialogue.request(n + 1)
    probe.send(Buffer.concat([dialogue.request(n), next.subarray(0, next.length >> 1)]))
    await dialogue.expectAnswers(check, probe, n, 1, { likelyCause })
  }
  // Each of them has had an answer.
  await comeAndGo(check, begin, async () => {})
}

/** A client that has asked for more than it reads. */
interface SlowReader {
  probe: TcpProbe
  /** Reads, and examines all answers. */
  readAnswers(): Promise<void>
}

/** A client sends many requests, as many as the server takes, and reads no answer. */
async function startSlowReader(
  check: CheckContext,
  dialogue: Dialogue,
  answerBytes: number,
): Promise<SlowReader> {
  const probe = await check.connect({ reading: false })
  const perBlock = Math.ceil(BLOCK_BYTES / answerBytes)
  const block = Buffer.concat(Array.from({ length: perBlock }, (_, n) => dialogue.request(n)))
  const blocks = Math.ceil(MUCH_BYTES / (perBlock * answerBytes))
  let sent = await probe.sendBlocks(block, blocks, QUIET_MS)
  // Where it stopped short, one more block is on its way.
  if (sent < blocks) sent++
  await waitUntilRead(probe, QUIET_MS)
  return {
    probe,
    async readAnswers() {
      probe.sendFin()
      probe.startReading()
      for (let n = 0; n < sent; n++) {
        await dialogue.expectAnswers(check, probe, 0, perBlock, {
          bulk: true,
          patienceMs: WAKE_UP_PATIENCE_MS,
          likelyCause:
            'answers are lost when a client does not read: send() may take only a part, and a FIN does not cancel what is still to be sent',
        })
      }
      await probe.expectEnd()
    },
  }
}

/**
 * One client sends many requests and reads no answer, also when it has sent its FIN; then it reads
 * them all. Another one is reset while its answers wait.
 */
export function slowReaderStep(dialogue: Dialogue, answerBytes: number): Step {
  return {
    title: 'serves others while one client does not read, and loses none of its answers',
    async run(check) {
      const earlier = await check.connect()
      const slowReaders = [1, 2].map(() => startSlowReader(check, dialogue, answerBytes))
      const [slowReader, leaver] = (await Promise.all(slowReaders)) as [SlowReader, SlowReader]
      await othersAreServed(check, dialogue, earlier)
      slowReader.probe.sendFin()
      leaver.probe.reset()
      await survivesResets(check, () => othersAreServed(check, dialogue, earlier))
      await slowReader.readAnswers()
    },
  }
}

/**
 * For `patienceStep`: a client leaves its answers unread for all that time, and then gets them all. One
 * that has sent its FIN does the same.
 */
export function leaveAnswersUnread(dialogue: Dialogue, answerBytes: number): LongTask {
  return async check => {
    const slowReaders = [1, 2].map(() => startSlowReader(check, dialogue, answerBytes))
    const [open, ended] = (await Promise.all(slowReaders)) as [SlowReader, SlowReader]
    ended.probe.sendFin()
    return async () => {
      await open.readAnswers()
      await ended.readAnswers()
    }
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
    expectAnswers: (_check, probe, first, times, expected) => {
      if (known.first !== first || known.times !== times) {
        const answers = Array.from({ length: times }, (_, n) => answer(first + n))
        known = { first, times, bytes: Buffer.concat(answers) }
      }
      return probe.expect(known.bytes, expected)
    },
  }
}

/**
 * Other clients get their answers while one reads none.
 *
 * @throws {CheckFailed} when they do not.
 */
export async function othersAreServed(
  check: CheckContext,
  dialogue: Dialogue,
  earlier: TcpProbe,
): Promise<void> {
  const serve = async () => {
    for (const other of [earlier, await check.connect()]) {
      for (let n = 0; n < 3; n++) await exchange(check, dialogue, other, n)
    }
  }
  await mustSucceed(check, serve, state => ({
    what: `while one client did not read its answers, another one got none (${state})`,
    likelyCause: WAITS,
  }))
}

/**
 * Does something that must succeed.
 *
 * @param failure What is wrong where it does not: from what has become of the program.
 */
export async function mustSucceed(
  check: CheckContext,
  run: () => Promise<void>,
  failure: (state: string) => Omit<Failure, 'step'>,
): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof CheckFailed)) throw error
    const { program } = check
    check.fail(
      failure((await program.hasEnded()) ? program.describeEnd() : program.describeState()),
    )
  }
}
