/** What becomes of bytes that have been written when the writer closes, and what a reset means. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { type Lab, monotonicMs } from '#lib/lab/lab.ts'
import { experiment, type Observe } from '#lib/textbook/experiment.ts'

interface Case {
  /** Bytes that the reader got in the end, and how its stream ended. */
  got: number
  ended: string
}

interface Observation {
  /** Bytes that the server wrote before it closed, and before it reset the connection. */
  wrote: { close: number; reset: number }
  /** The server's socket after the close: its state, its owner, and the bytes not acknowledged. */
  orphan: { state: string; owned: boolean; unsent: number }
  afterClose: Case
  afterReset: Case
  /** The server closed without having read what the client had sent. */
  afterUnread: Case
  /** The server closed while nothing got through, until its kernel gave up (where we may drop). */
  gaveUp?: Case & { retries: number; afterMs: number }
}

/** More than a receive buffer takes while nobody reads, and less than a send buffer does. */
const MUCH = 2 ** 19
/** How often the kernel sends again for a socket without an owner, when nothing gets through. */
const ORPHAN_RETRIES = 2
/** Little enough to arrive at once. */
const LITTLE = 60_000

type How = 'close' | 'reset' | 'unread'
const WRITES: Record<How, number> = { close: MUCH, reset: LITTLE, unread: 0 }

const server: HelperProgram<{ how: How; bytes: number; waits: boolean }> = async (
  channel,
  args,
) => {
  const { how, bytes, waits } = args
  const { createServer } = await import('node:net')
  createServer({ pauseOnConnect: true }, async socket => {
    socket.on('error', () => {})
    socket.on('close', () => channel.send('closed'))
    channel.send('accepted')
    if (waits) await channel.receive('write')
    // The callback comes when the kernel has taken everything.
    socket.write(Buffer.alloc(bytes), async () => {
      channel.send('written')
      await channel.receive('go')
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroy()
    })
  }).listen(0, '127.0.0.1', function (this: import('node:net').Server) {
    const address = this.address()
    channel.send('listening', typeof address === 'object' && address?.port)
  })
}

/** A connected client that does not read yet, and how its stream has ended so far. */
async function idleReader(port: number) {
  const client = connect({ port, host: '127.0.0.1' })
  client.pause()
  let how = 'neither end nor error'
  client.on('end', () => {
    how = 'end'
  })
  client.on('error', (error: NodeJS.ErrnoException) => {
    how = error.code ?? ''
  })
  await once(client, 'connect')
  return { client, ended: () => how }
}

/** The server closes or resets while the client does not read; then the client does. */
async function closeBeforeRead(
  lab: Lab,
  observe: Observe,
  how: How,
): Promise<Case & { orphan: Observation['orphan'] }> {
  const helper = lab.start(server, { how, bytes: WRITES[how], waits: false })
  const port = (await helper.message('listening')).value as number
  const { client, ended } = await idleReader(port)
  await helper.message('written')
  if (how === 'unread') {
    client.write('hello')
    await lab.waitUntil('the bytes are in the server’s kernel', () =>
      lab.tcpTable(port).some(row => row.localPort === port && row.rxQueue === 5),
    )
  } else if (how === 'reset') {
    // A reset throws away what has not arrived: here, everything has.
    await lab.waitUntil('all bytes are in the client’s kernel', () =>
      lab.tcpTable(port).some(row => row.remotePort === port && row.rxQueue === LITTLE),
    )
  }
  helper.send('go')
  await helper.message('closed')
  const row = lab.tcpTable(port).find(r => r.localPort === port && r.state !== 'LISTEN')
  const orphan = {
    state: row?.state ?? 'no socket',
    owned: (row?.inode ?? 0) !== 0,
    unsent: row?.txQueue ?? 0,
  }
  if (how === 'close') {
    observe(`closed: ${orphan.unsent} bytes wait in the kernel, ${orphan.state}`)
  }
  client.resume()
  // Not once(): it would take the error for its own.
  await new Promise(resolve => client.once('close', resolve))
  observe(`${how}: ${client.bytesRead} of ${WRITES[how]} bytes, then ${ended()}`)
  return { got: client.bytesRead, ended: ended(), orphan }
}

/** The line breaks before the server closes, for longer than its kernel is patient. */
async function loseAll(lab: Lab, observe: Observe): Promise<NonNullable<Observation['gaveUp']>> {
  lab.needTimers()
  lab.sysctl('net.ipv4.tcp_orphan_retries', ORPHAN_RETRIES)
  const helper = lab.start(server, { how: 'close', bytes: MUCH, waits: true })
  const port = (await helper.message('listening')).value as number
  const { client, ended } = await idleReader(port)
  await helper.message('accepted')
  const drop = await lab.drop(`tcp sport ${port}`)
  helper.send('write')
  await helper.message('written')
  helper.send('go')
  await helper.message('closed')
  const startMs = monotonicMs()
  const orphan = () => lab.tcpTable(port).some(r => r.localPort === port && r.state !== 'LISTEN')
  await lab.waitUntil('the kernel gives the orphan up', () => !orphan(), 30_000)
  const afterMs = monotonicMs() - startMs
  await drop.lift()
  client.resume()
  // It has not been told anything. Its next segment is answered with a RST.
  client.write('are you there?')
  await new Promise(resolve => client.once('close', resolve))
  observe(
    `nothing got through: given up after ${afterMs.toFixed(0)} ms; the reader got ${client.bytesRead} bytes, then ${ended()}`,
  )
  return { got: client.bytesRead, ended: ended(), retries: ORPHAN_RETRIES, afterMs }
}

export default experiment<Observation>({
  title: 'bytes, then a close or a reset; the reader begins after that',
  needs: ['linux'],
  claims: [
    {
      id: '2.17',
      essential: true,
      statement: 'After a close, what is left in the output buffer is still sent.',
      needs: ['namespace', 'nft'],
      verdict: 'depends',
      truth:
        'The descriptor is gone, but the kernel keeps the socket, an orphan now, and goes on sending. It gives up when nothing is acknowledged for too long (tcp_orphan_retries), when there are too many orphans (tcp_max_orphans), or on a reset. What had not been sent by then is lost, and the program gets no error.',
      source: 'close(2), RFC 9293 section 3.10.4; tcp(7), tcp_orphan_retries and tcp_max_orphans',
      example: '02/in-flight',
      judge: ({ wrote, orphan, afterClose, gaveUp }) => {
        const observed = `closed with ${orphan.unsent} bytes not delivered, ${orphan.state}, owned by ${orphan.owned ? 'a' : 'no'} process; the reader got ${afterClose.got} of ${wrote.close}, then ${afterClose.ended}; when nothing got through, with tcp_orphan_retries ${gaveUp?.retries}, the kernel gave up after ${((gaveUp?.afterMs ?? 0) / 1000).toFixed(1)} s: the reader got ${gaveUp?.got}, then ${gaveUp?.ended}`
        if (orphan.unsent === 0 || gaveUp === undefined) return { verdict: 'unclear', observed }
        const all = afterClose.got === wrote.close && afterClose.ended === 'end'
        if (!all) return { verdict: 'wrong', observed }
        return { verdict: gaveUp.got < wrote.close ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, gaveUp: { ...seen.gaveUp!, got: MUCH, ended: 'end' } }),
    },
    {
      id: '2.19',
      essential: true,
      statement: 'ECONNRESET says that the network has a problem.',
      verdict: 'depends',
      truth:
        'It says that a RST came, mostly because the peer’s program or kernel wanted it. Bytes that had arrived before can still be read; some versions of Node then report a plain end.',
      source: 'RFC 9293 section 3.5.3, read(2)',
      example: '02/in-flight',
      judge: ({ wrote, afterReset, afterUnread }) => {
        const observed = `on a network without loss: the peer closed without reading: ${afterUnread.ended}; it reset on purpose: ${afterReset.got} of ${wrote.reset} bytes, then ${afterReset.ended}`
        return { verdict: afterUnread.ended === 'ECONNRESET' ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, afterUnread: { got: 0, ended: 'end' } }),
    },
  ],

  async run(lab, observe) {
    lab.needBuffers()
    const { orphan, ...afterClose } = await closeBeforeRead(lab, observe, 'close')
    const { orphan: _reset, ...afterReset } = await closeBeforeRead(lab, observe, 'reset')
    const { orphan: _unread, ...afterUnread } = await closeBeforeRead(lab, observe, 'unread')
    const gaveUp = lab.canDrop ? await loseAll(lab, observe) : undefined
    return { wrote: WRITES, orphan, afterClose, afterReset, afterUnread, ...(gaveUp && { gaveUp }) }
  },
})
