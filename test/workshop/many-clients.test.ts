import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { exercise, type Step } from '#lib/workshop/exercise.ts'
import {
  crowdStep,
  exactDialogue,
  leaveAnswersUnread,
  silenceStep,
  slowReaderStep,
} from '#lib/workshop/many-clients.ts'
import { runCheck } from '#lib/workshop/run-check.ts'
import { withSome } from '../support/slow.ts'

/** The answer to a line is the line, 512 times: little to ask, much to read. */
const TIMES = 512
const DIALOGUE = exactDialogue(
  n => Buffer.from(`${n}\n`),
  n => Buffer.from(`${n}\n`.repeat(TIMES)),
)
/** Long enough for what the servers below do after 300 ms. */
const SILENCE_MS = 3000
const TIMEOUT_MS = 300

/** A server of that protocol, in which one thing may be wrong. */
class LineServer {
  readonly #parts = new Map<string, Buffer>()
  readonly key: (socket: Socket, nth: number) => string = (_, nth) => `${nth}`
  connected = 0

  connect(socket: Socket, nth: number): void {
    this.connected++
    socket.once('close', () => this.connected--)
    const key = this.key(socket, nth)
    socket.on('data', chunk => {
      const bytes = Buffer.concat([this.#parts.get(key) ?? Buffer.alloc(0), chunk])
      const end = bytes.lastIndexOf(0x0a) + 1
      this.#parts.set(key, bytes.subarray(end))
      const lines = bytes
        .subarray(0, end)
        .toString()
        .split(/(?<=\n)/)
      const answer = lines.map(line => line.repeat(TIMES)).join('')
      if (answer !== '') this.answer(socket, answer)
    })
    socket.on('end', () => this.finish(socket))
    socket.on('error', () => {})
  }

  answer(socket: Socket, answer: string): void {
    if (socket.write(answer)) return
    socket.pause()
    socket.once('drain', () => socket.resume())
  }

  finish(socket: Socket): void {
    socket.end()
  }
}

async function check(step: Step, lines: LineServer) {
  const sockets = new Set<Socket>()
  let nth = 0
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    lines.connect(socket, nth++)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  const facts = { id: 'x', title: '', protocol: '', section: '', hints: [] }
  const { failure } = await runCheck(exercise({ ...facts, kind: 'server', steps: [step] }), {
    target: { port },
    seed: 1,
  })
  return failure?.what
}

const patience = () => silenceStep(DIALOGUE, leaveAnswersUnread(DIALOGUE, 1024), SILENCE_MS)

class IdleTimeout extends LineServer {
  override connect(socket: Socket, nth: number): void {
    super.connect(socket, nth)
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy())
  }
}

/** Ends those only that have asked before. */
class IdleBetween extends LineServer {
  override answer(socket: Socket, answer: string): void {
    super.answer(socket, answer)
    socket.setTimeout(TIMEOUT_MS, () => socket.end())
  }
}

class AnswersPauses extends LineServer {
  override connect(socket: Socket, nth: number): void {
    super.connect(socket, nth)
    socket.on('data', chunk => {
      if (chunk.at(-1) === 0x0a) return
      setTimeout(() => socket.write('?'), TIMEOUT_MS)
    })
  }
}

/** What waits for a client that does not read is given up. */
class GivesUpUnread extends LineServer {
  override answer(socket: Socket, answer: string): void {
    super.answer(socket, answer)
    if (!socket.writableNeedDrain) return
    const timer = setTimeout(() => socket.destroy(), TIMEOUT_MS)
    socket.once('drain', () => clearTimeout(timer))
  }
}

/** Reads on while its answers wait, so that it learns of each FIN at once, wherever its bytes were cut. */
class ReadsOn extends LineServer {
  override answer(socket: Socket, answer: string): void {
    socket.write(answer)
  }
}

/** Waits for the one that does not read, once it has sent its FIN: nobody else is answered. */
class BlocksAtTheEnd extends ReadsOn {
  #leaving = 0

  override answer(socket: Socket, answer: string): void {
    if (this.#leaving === 0) super.answer(socket, answer)
  }

  override finish(socket: Socket): void {
    if (socket.writableLength === 0) return void socket.end()
    this.#leaving++
    socket.once('close', () => this.#leaving--).end()
  }
}

class DropsAtTheEnd extends ReadsOn {
  override finish(socket: Socket): void {
    if (socket.writableLength > 0) socket.destroy()
    else socket.end()
  }
}

class AtMost extends LineServer {
  readonly most: number
  constructor(most: number) {
    super()
    this.most = most
  }

  override connect(socket: Socket, nth: number): void {
    if (this.connected < this.most) super.connect(socket, nth)
    else socket.on('error', () => {}).destroy()
  }
}

/** It has places, as descriptors are, and what was begun in one is left to the next client. */
class LeavesParts extends LineServer {
  readonly #places: boolean[] = []

  override readonly key = (socket: Socket) => {
    const free = this.#places.indexOf(false)
    const place = free < 0 ? this.#places.length : free
    this.#places[place] = true
    socket.once('close', () => {
      this.#places[place] = false
    })
    return `place ${place}`
  }
}

/** Those that reset still count. */
class NeverForgets extends LineServer {
  #gone = 0

  override connect(socket: Socket, nth: number): void {
    socket.on('error', () => this.#gone++)
    if (this.#gone < 300) super.connect(socket, nth)
  }
}

describe('silenceStep', () => {
  test('is passed by a server that waits', async () => {
    expect(await check(patience(), new LineServer())).toBeUndefined()
  })
  test.runIf(withSome)(
    'finds a timeout, and names where the first client was that it ended',
    async () => {
      expect(await check(patience(), new IdleTimeout())).toBe(
        'while a client was silent before its first byte, its connection was ended',
      )
      expect(await check(patience(), new IdleBetween())).toBe(
        'while a client was silent between two requests, its connection was ended',
      )
    },
  )
  test('finds a server that takes a pause for an end', async () => {
    expect(await check(patience(), new AnswersPauses())).toBe(
      'the server sent 1 byte to a client that was silent in the middle of a request',
    )
  })
  test('finds a server that gives up what a client has not read for long', async () => {
    expect(await check(patience(), new GivesUpUnread())).toContain('closed the connection after')
  })
})

describe('slowReaderStep', () => {
  const step = slowReaderStep(DIALOGUE, 1024)
  test('is passed by a server that waits for each client alone', async () => {
    expect(await check(step, new LineServer())).toBeUndefined()
  })
  test.runIf(withSome)(
    'finds a server that waits for one client when that has sent its FIN',
    async () => {
      expect(await check(step, new BlocksAtTheEnd())).toContain('another one got none')
    },
  )
  test('finds a server that drops what a client that has sent its FIN has not read', async () => {
    expect(await check(step, new DropsAtTheEnd())).toContain('closed the connection after')
  })
})

describe('crowdStep', () => {
  const step = crowdStep(DIALOGUE)
  test.runIf(withSome)('is passed by a server without limits', async () => {
    expect(await check(step, new LineServer())).toBeUndefined()
  })
  test('finds a limit of 256 clients', async () => {
    expect(await check(step, new AtMost(256))).toContain('it closed the connection')
  })
  test('finds what one client has left to the next', async () => {
    expect(await check(step, new LeavesParts())).toContain('not the one that was expected')
  })
  test.runIf(withSome)('finds places that are not freed after a reset', async () => {
    expect(await check(step, new NeverForgets())).toContain('fell silent')
  })
})
