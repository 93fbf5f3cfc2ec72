/**
 * Symptom: a server restarts, and all its clients come back at the same moment, again and again.
 *
 *   node --import tsx chapters/05-keepalive/symptoms/reconnect.ts
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { Random } from '#lib/program/random.ts'

const FIRST_LIMIT_MS = 40
const LAST_LIMIT_MS = 320
const PATIENCE_MS = 5000

/**
 * Back-off: the limit doubles with each failure, up to a last one. Jitter: the wait is any time below
 * the limit, so that clients which failed together do not come back together.
 *
 * @param random From 0 to 1.
 */
function waitMs(failures: number, random: number): number {
  return random * Math.min(LAST_LIMIT_MS, FIRST_LIMIT_MS * 2 ** (failures - 1))
}

/** Tries until the server answers. Only that ends the row of failures; `connect` proves too little. */
async function connectAgain(
  port: number,
  onFailure: (failures: number) => Promise<void>,
): Promise<Socket> {
  for (let failures = 0; ; ) {
    const socket = connect(port, '127.0.0.1')
    const giveUp = () => socket.destroy(new Error('no answer'))
    socket.setTimeout(PATIENCE_MS, giveUp).once('end', giveUp)
    try {
      await once(socket, 'data')
      console.log(`attempt ${failures + 1}: answered`)
      return socket.setTimeout(0).off('end', giveUp)
    } catch (error) {
      failures++
      const wait = waitMs(failures, Math.random())
      console.log(`attempt ${failures}: ${(error as Error).message}; waits ${wait.toFixed(0)} ms`)
      await onFailure(failures)
      await setTimeout(wait)
    }
  }
}

let server = await start(0)
const { port } = server.address() as AddressInfo
const client = await connectAgain(port, async () => {})
console.log('the server stops')
server.close()
client.on('error', () => {}).write('stop')
await once(client, 'close')
const again = await connectAgain(port, async failures => {
  if (failures === 4) server = await start(port)
})
again.destroy()
server.close()

const CLIENTS = 1000
const random = new Random(1)
console.log(`${CLIENTS} clients lose their server at the same moment. Their fifth attempts:`)
console.log(`  without jitter: ${mostTogether(() => 1)} within the same 10 ms`)
console.log(`  with jitter: at most ${mostTogether(() => random.below(1000) / 1000)}`)

/** Calculates when each client tries for the fifth time, and counts the most in any 10 ms. */
function mostTogether(random: () => number): number {
  const counts = new Map<number, number>()
  for (let client = 0; client < CLIENTS; client++) {
    const waits = [1, 2, 3, 4].map(failures => waitMs(failures, random()))
    const slot = Math.floor(waits.reduce((sum, wait) => sum + wait) / 10)
    counts.set(slot, (counts.get(slot) ?? 0) + 1)
  }
  return Math.max(...counts.values())
}

/** A server that greets each client, and drops it when it says anything. */
async function start(port: number): Promise<Server> {
  const server = createServer(socket => {
    socket.on('error', () => {}).once('data', () => socket.destroy())
    socket.write('welcome')
  })
  await once(server.listen(port, '127.0.0.1'), 'listening')
  return server
}
