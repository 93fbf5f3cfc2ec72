/** A writer, and a reader who does not read: how much the kernel takes, and what write says. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Bytes that left the process, in all, and bytes of them that the peer's kernel has. */
  accepted: number
  received: number
  /** Bytes that wait in the send buffer and have never been sent. */
  unsent: number
  /** write(65536) with nothing waiting, and the number of the first one that returned false. */
  firstWrite: boolean
  firstFalse: number
  /** Bytes that Node keeps in its own memory in the end. */
  inNode: number
  /** Which congestion control the numbers are for. */
  congestion: string
}

const CHUNK = 65_536

const server: HelperProgram<object> = async channel => {
  const { createServer } = await import('node:net')
  createServer({ pauseOnConnect: true }, socket => {
    socket.on('error', () => {})
    channel.send('accepted')
  }).listen(0, '127.0.0.1', function (this: import('node:net').Server) {
    const address = this.address()
    channel.send('listening', typeof address === 'object' && address?.port)
  })
}

export default experiment<Observation>({
  title: 'writes of 64 KiB to a peer that never reads',
  needs: ['linux', 'ss'],
  claims: [
    {
      id: '2.14',
      essential: true,
      statement: 'While TCP is sending from the output buffer, it is locked, and writes block.',
      verdict: 'wrong',
      appliesTo: 'Linux, and POSIX, whose send() blocks only for want of space',
      truth:
        'Writes are taken as long as there is room, whatever TCP is doing: even when the window is zero and nothing can be sent at all.',
      source: 'send(2)',
      example: '02/buffers',
      judge: ({ accepted, received, unsent, congestion }) => ({
        verdict: unsent > CHUNK && accepted > received ? 'wrong' : 'holds',
        observed: `${accepted} bytes taken (${congestion}); ${received} at the peer, ${unsent} wait in the send buffer for a window of 0`,
      }),
      counterexample: seen => ({ ...seen, unsent: 0, accepted: seen.received }),
    },
    {
      id: '2.16',
      essential: true,
      statement:
        'socket.write returns false as soon as more than highWaterMark bytes, 16 KiB, have been written.',
      verdict: 'depends',
      truth:
        'It counts what Node itself has to keep. As long as the kernel takes everything at once, write(65536) returns true. How much the kernel takes depends on tcp_wmem, and on the congestion control.',
      source: 'Node documentation of writable.write; send(2)',
      example: '02/buffers',
      judge: ({ firstWrite, firstFalse, inNode, congestion }) => ({
        verdict: firstWrite && firstFalse > 1 ? 'depends' : 'holds',
        observed: `write(${CHUNK}): ${firstWrite}; the first false: write ${firstFalse}, with ${inNode} bytes kept by Node (${congestion})`,
      }),
      counterexample: seen => ({ ...seen, firstWrite: false, firstFalse: 1 }),
    },
  ],

  async run(lab, observe) {
    lab.needBuffers()
    const helper = lab.start(server, {})
    const port = (await helper.message('listening')).value as number
    const client = connect({ port, host: '127.0.0.1' })
    client.on('error', () => {})
    await once(client, 'connect')
    await helper.message('accepted')
    const chunk = Buffer.alloc(CHUNK)
    let writes = 0
    let firstWrite = false
    for (;;) {
      writes++
      const more = client.write(chunk)
      if (writes === 1) firstWrite = more
      if (!more) break
    }
    observe(`write number ${writes} is the first to return false`)
    // The persist timer runs when there is something to send and the window is zero.
    const { notsent = '0' } = await lab.waitUntil('the window is closed', async () => {
      const [socket] = await lab.statistics(['dport', '=', `:${port}`])
      return socket?.info.timer?.startsWith('(persist') && socket.info
    })
    const rows = lab.tcpTable(port)
    const received = rows.find(r => r.localPort === port && r.state !== 'LISTEN')?.rxQueue ?? 0
    const unsent = Number(notsent)
    observe(`the window is 0: ${received} bytes at the peer, ${unsent} wait to be sent`)
    const inNode = client.writableLength
    client.destroy()
    const congestion = lab.sysctl('net.ipv4.tcp_congestion_control')
    const accepted = received + unsent
    return { accepted, received, unsent, firstWrite, firstFalse: writes, inNode, congestion }
  },
})
