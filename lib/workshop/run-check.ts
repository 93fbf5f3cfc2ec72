import { once, setMaxListeners } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { Inconclusive } from '#lib/lab/inconclusive.ts'
import { Random } from '#lib/program/random.ts'
import { CheckFailed } from './check-failed.ts'
import { Condition } from './condition.ts'
import type { Exercise, Step } from './exercise.ts'
import type { Failure } from './failure.ts'
import { ProgramUnderTest, type ProgramUnderTestOptions } from './program-under-test.ts'
import { reservePort } from './reserve-port.ts'
import { TcpProbe } from './tcp-probe.ts'
import { UdpProbe } from './udp-probe.ts'

/** How long a client may take until it connects, in milliseconds. */
const CONNECT_MS = 10_000

/** How often to look whether it has ended meanwhile, in milliseconds. */
const LOOK_MS = 100

/** How often a step is run at most, when a run has decided nothing. */
const MOST_RUNS = 8
/** How long runs that decide nothing may take before no other one is begun, in milliseconds. */
const RUNS_MS = 15_000

/** How one step went. */
export interface StepResult {
  title: string
  passed: boolean
  /** Why nothing could be decided, where that is so: it has neither passed nor failed. */
  inconclusive?: string
  ms: number
}

/** How a program did in an exercise. */
export interface CheckResult {
  id: string
  /** Every step has passed. */
  passed: boolean
  /** Repeats the run exactly. */
  seed: number
  steps: StepResult[]
  failure?: Failure
  /** Steps that have neither passed nor failed, and why. */
  inconclusive?: { step: string; what: string }[]
}

/** For a program that reports results: 0 passed, 1 failed, 3 neither. */
export function exitCodeOf(results: readonly CheckResult[]): 0 | 1 | 3 {
  if (results.some(({ failure }) => failure)) return 1
  return results.every(({ passed }) => passed) ? 0 : 3
}

export interface CheckOptions {
  /** A command to start, or the port of a server that runs. */
  target: { command: NonNullable<ProgramUnderTestOptions['command']> } | { port: number }
  seed: number
  /** The title of a step: that one alone is examined. */
  only?: string | undefined
  /** How long a program that we start may take until it listens. */
  startMs?: number | undefined
  /** Called when a step is over. */
  onStep?: (step: StepResult) => void
  /** Ends the check, and the program: the result is worth nothing then. */
  signal?: AbortSignal | undefined
}

/**
 * Examines a program, step by step, until one fails. Each step gets a program of its own where we
 * start it, so that one step cannot spoil another.
 */
export async function runCheck(exercise: Exercise, options: CheckOptions): Promise<CheckResult> {
  const { seed, only, onStep, signal } = options
  const { id } = exercise
  const steps: StepResult[] = []
  const inconclusive: { step: string; what: string }[] = []
  const chosen = exercise.steps.filter(({ title }) => title === (only ?? title))
  const stop = new AbortController()
  const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  // Each step listens to it.
  setMaxListeners(0, stopped)
  // Random numbers by title: a step that is added or moved does not change those of the others.
  const run = (step: Step) =>
    untilDecided(
      () => runStep(exercise, step, { ...options, signal: stopped }, new Random(seed, step.title)),
      stopped,
    )
  const begun = beginAlongside(chosen, options, run)
  try {
    // A step that decides nothing does not keep the ones behind it from finding a mistake.
    for (const step of chosen) {
      const startMs = performance.now()
      const outcome = await (begun.get(step) ?? run(step))
      if (signal?.aborted) break
      const ms = Math.round(performance.now() - startMs)
      const result: StepResult = { title: step.title, passed: outcome === 'passed', ms }
      if (outcome instanceof Inconclusive) {
        result.inconclusive = outcome.message
        inconclusive.push({ step: step.title, what: outcome.message })
      }
      steps.push(result)
      onStep?.(result)
      if (outcome === 'passed' || outcome instanceof Inconclusive) continue
      const failed = { id, passed: false, seed, steps, failure: outcome }
      return inconclusive.length > 0 ? { ...failed, inconclusive } : failed
    }
  } finally {
    stop.abort()
    await Promise.allSettled(begun.values())
  }
  if (inconclusive.length > 0) return { id, passed: false, seed, steps, inconclusive }
  return { id, passed: signal?.aborted !== true, seed, steps }
}

/**
 * Begins the steps that mostly wait, so that the others run meanwhile. A server that the
 * check did not start serves all steps, so there they run one after the other.
 */
function beginAlongside(
  steps: readonly Step[],
  { target }: CheckOptions,
  run: (step: Step) => Promise<Outcome>,
): Map<Step, Promise<Outcome>> {
  const begun = new Map<Step, Promise<Outcome>>()
  if (!('command' in target)) return begun
  for (const step of steps) {
    if (step.alongside) begun.set(step, run(step))
  }
  // How they end is looked at when it is their turn.
  for (const outcome of begun.values()) outcome.catch(() => {})
  return begun
}

/** How a step has ended. */
type Outcome = 'passed' | Failure | Inconclusive

/** Runs a step again while its runs decide nothing, up to a limit. */
async function untilDecided(
  run: () => Promise<Outcome>,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const startMs = performance.now()
  for (let runs = 1; ; runs++) {
    const outcome = await run()
    if (!(outcome instanceof Inconclusive) || signal?.aborted) return outcome
    if (runs === MOST_RUNS || performance.now() - startMs > RUNS_MS) return outcome
  }
}

async function runStep(
  exercise: Exercise,
  step: Step,
  { target, startMs, signal }: CheckOptions,
  random: Random,
): Promise<Outcome> {
  const over = new AbortController()
  const stopped =
    signal &&
    new Promise<void>(done =>
      signal.addEventListener('abort', () => done(), { signal: over.signal }),
    )
  const door = exercise.kind === 'client' ? await ClientListener.open() : undefined
  const reserved = 'command' in target && !door ? await reservePort(exercise.kind) : undefined
  const port = door?.port ?? reserved?.port ?? ('port' in target ? target.port : 0)
  const command = 'command' in target ? { command: target.command } : {}
  const program = new ProgramUnderTest({ port, startMs, ...command })
  const opened: { close(): void }[] = []
  const timers = new Set<NodeJS.Timeout>()
  const keep = <T extends { close(): void }>(one: T): T => {
    opened.push(one)
    return one
  }
  const examine = async () => {
    if (exercise.kind === 'server') await program.waitUntilListening('tcp')
    if (exercise.kind === 'udp') await program.waitUntilListening('udp')
    await step.run({
      random,
      program,
      connect: async talkOptions => keep(await TcpProbe.open(port, program, talkOptions)),
      accept: async () => keep(await door!.accept(program)),
      openUdp: async options => keep(await UdpProbe.open(port, program, options)),
      pause: ms => new Promise(done => timers.add(setTimeout(done, ms))),
      fail(failure) {
        throw new CheckFailed(failure)
      },
      stopwatch: () => program.delays.start(),
      inconclusive(what) {
        throw new Inconclusive(what)
      },
    })
  }
  let failed: CheckFailed | undefined
  try {
    const examined = examine()
    // Once it is stopped, nobody waits for how it ends.
    if (stopped) examined.catch(() => {})
    await (stopped ? Promise.race([examined, stopped]) : examined)
  } catch (error) {
    if (error instanceof Inconclusive) return error
    if (!(error instanceof CheckFailed)) throw error
    failed = error
  } finally {
    over.abort()
    // A step that is cut off does not go on, and keeps no process alive.
    for (const timer of timers) clearTimeout(timer)
    for (const one of opened) one.close()
    door?.close()
    await program.end()
    reserved?.release()
  }
  if (failed === undefined) return 'passed'
  // All that it printed has been read now.
  const output = program.printed
  return { step: step.title, ...failed.failure, ...(output !== '' && { output }) }
}

/** Where a check waits for the client that it examines. */
class ClientListener {
  readonly #server: Server
  readonly #waiting: Socket[] = []
  readonly #came = new Condition()

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', socket => {
      socket.setNoDelay()
      // Whoever examines it listens to its errors; until then, nobody minds them.
      socket.on('error', () => {})
      this.#waiting.push(socket)
      this.#came.notify()
    })
  }

  static async open(): Promise<ClientListener> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new ClientListener(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async accept(program: ProgramUnderTest): Promise<TcpProbe> {
    const since = program.delays.startRoughly()
    while (this.#waiting.length === 0) {
      if (!program.isRunning)
        throw new CheckFailed({ what: `it did not connect: ${program.describeEnd()}` })
      program.failIfComputing()
      if (since.isOver(CONNECT_MS)) {
        throw new CheckFailed({
          what: `it did not connect within ${CONNECT_MS / 1000} s (${program.describeState()})`,
          likelyCause:
            'the program does not connect to the port that is in the environment variable PORT',
        })
      }
      await this.#came.waitFor(() => this.#waiting.length > 0, LOOK_MS)
    }
    const probe = new TcpProbe(this.#waiting.shift()!, program)
    probe.startReading()
    return probe
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#waiting) socket.destroy()
  }
}
