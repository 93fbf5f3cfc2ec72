/** How large the window gets when a reader keeps up: what `ss` says after 16 MiB. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Seen {
  /** Largest window that the receiver has offered, in bytes. */
  windowBytes: number
  /** Both ends' shift counts: the field counts in units of 2 to that power. */
  scale: string
}

const BYTES = 16 * 1024 * 1024

export default experiment<Seen>({
  title: '16 MiB to a reader who keeps up',
  needs: ['linux', 'ss'],
  claims: [
    {
      id: '2.8',
      star: false,
      says: 'The window field has 16 bits, so the window is at most 65535 bytes.',
      verdict: 'outdated',
      truth:
        'The field still has 16 bits. But both SYNs carry a shift count, and the field is shifted left by it: a gigabyte is possible.',
      source: 'RFC 7323 section 2',
      judge: ({ windowBytes, scale }) => ({
        verdict: windowBytes > 65_535 ? 'outdated' : 'holds',
        observed: `window scale ${scale}, window ${windowBytes} bytes`,
      }),
      altered: () => ({ windowBytes: 65_535, scale: '0,0' }),
    },
  ],

  async run(lab, observe) {
    let got = 0
    const server = createServer(socket => {
      socket.on('error', () => {})
      socket.on('data', chunk => {
        got += chunk.length
        if (got === BYTES) server.emit('enough')
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = connect({ port, host: '127.0.0.1' })
    client.on('error', () => {})
    client.write(Buffer.alloc(BYTES))
    await once(server, 'enough')
    observe(`the reader has got ${got} bytes`)
    const [socket] = await lab.statistics(['dport', '=', `:${port}`])
    client.destroy()
    server.close()
    const { wscale = '', snd_wnd: window = '0' } = socket?.info ?? {}
    observe(`ss at the sender: wscale ${wscale}, snd_wnd ${window}`)
    return { windowBytes: Number(window), scale: wscale }
  },
})
