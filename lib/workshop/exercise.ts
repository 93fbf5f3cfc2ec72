import type { Random } from '#lib/program/random.ts'
import type { Failure } from './failure.ts'
import type { ProgramUnderTest } from './program-under-test.ts'
import type { Stopwatch } from './stopwatch.ts'
import type { TcpProbe, TcpProbeOptions } from './tcp-probe.ts'
import type { UdpProbe, UdpProbeOptions } from './udp-probe.ts'

/** What a step is given to check a program with. */
export interface CheckContext {
  /** Random numbers that the seed repeats. */
  readonly random: Random
  /** The program that is checked. */
  readonly program: ProgramUnderTest
  /** Opens a TCP connection to the program. */
  connect(options?: TcpProbeOptions): Promise<TcpProbe>
  /** For a client: waits until it connects. */
  accept(): Promise<TcpProbe>
  /** Opens a UDP socket that talks to the program. */
  openUdp(options?: UdpProbeOptions): Promise<UdpProbe>
  /** Waits, for what no event can announce: that something does *not* happen for so long. */
  pause(ms: number): Promise<void>
  /** Says that the program does not do what it should. */
  fail(failure: Omit<Failure, 'step'>): never
  /** Starts to measure a time, and how much of it the machine may have added. */
  stopwatch(): Stopwatch
  /**
   * Says that what was seen decides nothing: a busy machine explains it as well as a mistake does. The
   * step is run again, a few times. A step that nothing has decided has neither passed nor failed.
   */
  inconclusive(what: string): never
}

/** One thing that is examined. */
export interface Step {
  /** What the program must do, as a sentence that can be false: `it echoes what was sent`. */
  title: string
  /**
   * It mostly waits: it begins with the first step, and runs beside the others with a program of its
   * own. Such steps stand behind all others.
   */
  alongside?: boolean
  run(check: CheckContext): Promise<void>
}

/** An exercise as data: what is to be built, and how it is examined. */
export interface Exercise {
  /** `tcp-echo`: the name of its folder, and of the learner's file. */
  id: string
  title: string
  /**
   * `server`: a TCP server on the port in `PORT`. `udp`: the same for UDP. `client`: a program that
   * connects to the port in `PORT`, where the check listens.
   */
  kind: 'server' | 'udp' | 'client'
  /** The protocol in words: enough to solve it in any language, without our code. */
  protocol: string
  /** The section of a write-up that treats it: `chapters/02-tcp-echo/README.md#end-or-destroy`. */
  section: string
  /** Hints, each stronger than the one before. */
  hints: readonly string[]
  steps: readonly Step[]
}

/** Declares an exercise: the default export of `chapters/NN-…/exercises/<id>/check.ts`. */
export function exercise(definition: Exercise): Exercise {
  return definition
}
