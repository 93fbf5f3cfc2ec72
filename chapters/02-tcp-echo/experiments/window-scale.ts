/** How large the window gets when a reader keeps up: what `ss` says after 16 MiB. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Largest window that the receiver has offered, in bytes. */
  windowBytes: number
  /** Both ends' shift counts: the field counts in units of 2 to that power. */
  scale: string
  /** net.ipv4.tcp_window_scaling. */
  setting: string
}

const BYTES = 16 * 1024 * 1024

export default experiment<Observation>({
  title: '16 MiB to a reader that keeps up',
  needs: ['linux', 'ss'],
  claims: [
    {
      id: '2.8',
      essential: false,
      statement: 'The window field has 16 bits, so the window is at most 65535 bytes.',
      verdict: 'outdated',
      appliesTo: 'RFC 1323 (1992) and RFC 7323',
      truth:
        'The field still has 16 bits. But both SYNs carry a shift count, and the field is shifted left by it: a gigabyte is possible.',
      source: 'RFC 7323 section 2',
      judge: ({ windowBytes, scale, setting }) => {
        const observed = `window scale ${scale || 'not used'} (tcp_window_scaling ${setting}), window ${windowBytes || 'not shown by this ss,'} bytes`
        if (scale === '' || windowBytes === 0) return { verdict: 'unclear', observed }
        return { verdict: windowBytes > 65_535 ? 'outdated' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, windowBytes: 65_535 }),
    },
  ],

  async run(lab, observe) {
    let got = 0
    lab.needBuffers()
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
    const setting = lab.sysctl('net.ipv4.tcp_window_scaling')
    return { windowBytes: Number(window), scale: wscale, setting }
  },
})
