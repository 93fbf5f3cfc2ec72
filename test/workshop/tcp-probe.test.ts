import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { TcpSnapshot } from '#lib/kernel/tcp-table.ts'
import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { runCheck } from '#lib/workshop/run-check.ts'

/** Examines a server of ours. */
async function check(serve: (socket: Socket) => void, run: (check: CheckContext) => Promise<void>) {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    socket.once('data', () => serve(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const steps = [{ title: 'ends', run }]
  const one = { title: '', protocol: '', section: '', hints: [], steps }
  return runCheck(exercise({ id: 'one', kind: 'server', ...one }), { target: { port }, seed: 1 })
}

/** A client that reads when all that the server sends, and the end, has come. */
const readsLate =
  (isOver: (state: string | undefined) => boolean) => async (check: CheckContext) => {
    const probe = await check.connect({ reading: false })
    probe.send('quit\n')
    const { localPort = 0, remotePort = 0 } = probe.socket
    const state = () => new TcpSnapshot().ends(localPort, remotePort)[0]?.state
    while (!isOver(state())) await check.pause(10)
    probe.startReading()
    await probe.expect('bye\n')
    await probe.expectEnd()
  }

test.skipIf(process.platform !== 'linux')(
  'a reset behind the last bytes is told from a FIN, though libuv reports both as the end (needs Linux)',
  async () => {
    const resets = (socket: Socket) => socket.write('bye\n', () => socket.resetAndDestroy())
    const { failure } = await check(
      resets,
      readsLate(state => state === undefined),
    )
    // Where the reset takes the bytes with it, that is seen before.
    expect(failure?.what).toMatch(
      /^it reset the connection(; it should have ended with a FIN$| after 0 of 4 bytes$)/,
    )
    const ends = (socket: Socket) => socket.end('bye\n')
    const { passed } = await check(
      ends,
      readsLate(state => state === 'CLOSE-WAIT'),
    )
    expect(passed).toBe(true)
  },
)
