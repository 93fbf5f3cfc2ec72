/** resetAndDestroy: on an idle connection, and with bytes that have not been sent yet. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** What the peer got on the idle connection, and sockets left at both ends. */
  outcome: string
  left: string[]
  /** Flags of what the aborting end sent last, where packets can be seen. */
  flags?: string
  /** Bytes that were written before the reset, and bytes that the peer could read in the end. */
  wrote: number
  got: number
}

/** More than a receive buffer holds, less than a send buffer does. */
const MUCH = 2 ** 19

export default experiment<Observation>({
  title: 'a reset on purpose, and what becomes of unsent bytes',
  needs: ['linux'],
  claims: [
    {
      id: '6.24',
      essential: true,
      statement:
        'A program can abort a connection: a RST in place of the close, no TIME-WAIT, unsent data thrown away.',
      verdict: 'holds',
      truth:
        'In Node it is resetAndDestroy(), in C SO_LINGER with 0 seconds. The peer gets ECONNRESET; only Node 20 and 22 report a plain end instead if bytes came just before the reset.',
      source: 'socket(7), SO_LINGER; RFC 9293 section 3.10.5',
      example: '06/end-destroy-reset',
      judge: ({ outcome, left, flags, wrote, got }) => {
        const observed = `${flags ? `[${flags}], ` : ''}the peer: ${outcome}; left: ${left.join(', ') || 'no socket'}; ${got} of ${wrote} bytes arrived`
        const aborted = outcome === 'ECONNRESET' && left.length === 0 && got < wrote
        return { verdict: aborted ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, outcome: 'end', left: ['TIME-WAIT'], got: seen.wrote }),
    },
  ],

  async run(lab, observe) {
    lab.needBuffers()
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const pair = async () => {
      const client = connect({ port, host: '127.0.0.1' }).pause()
      const connected = once(client, 'connect')
      const [accepted]: Socket[] = await once(server, 'connection')
      await connected
      accepted!.on('error', () => {})
      const outcome = new Promise<string>(resolve => {
        client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
        client.once('end', () => resolve('end'))
      })
      return { client, accepted: accepted!, outcome }
    }
    const capture = lab.canCapture ? await lab.capture(`tcp port ${port}`) : undefined
    const idle = await pair()
    idle.client.resume()
    idle.accepted.resetAndDestroy()
    const outcome = await idle.outcome
    const left = lab.tcpTable(port).flatMap(({ state }) => (state === 'LISTEN' ? [] : [state]))
    const packets = await capture?.stop()
    const flags = packets?.findLast(({ source }) => source.endsWith(`:${port}`))?.flags
    observe(`idle: ${flags ? `[${flags}], ` : ''}the peer gets ${outcome}`)

    const busy = await pair()
    await new Promise(resolve => busy.accepted.write(Buffer.alloc(MUCH), resolve))
    busy.accepted.resetAndDestroy()
    await once(busy.accepted, 'close')
    busy.client.resume()
    await busy.outcome
    const got = busy.client.bytesRead
    observe(`${MUCH} bytes written, then reset: ${got} could be read`)
    server.close()
    return { outcome, left, ...(flags !== undefined && { flags }), wrote: MUCH, got }
  },
})
