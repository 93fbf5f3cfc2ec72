/** What becomes of the size that a program asks for its receive buffer. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Pairs of bytes: asked for, and got. */
  sizes: [asked: number, got: number][]
  /** The most that a program may ask for: the kernel parameter net.core.rmem_max. */
  most: number
}

export default experiment<Observation>({
  title: 'receive buffers of 1, 65536 and 100 million bytes are asked for',
  needs: ['linux'],
  claims: [
    {
      id: '3.14',
      essential: false,
      statement: 'SO_RCVBUF sets the size of the receive buffer.',
      verdict: 'depends',
      truth:
        'The kernel doubles the number, to have room for its own bookkeeping, and silently keeps it within limits. getsockopt shows the size that is in force.',
      source: 'socket(7), SO_RCVBUF',
      judge: ({ sizes, most }) => {
        const observed = `${sizes.map(([asked, got]) => `${asked} → ${got}`).join(', ')}; net.core.rmem_max ${most}`
        const exact = sizes.every(([asked, got]) => asked === got)
        const doubled = sizes.some(([asked, got]) => got === 2 * asked)
        const largest = sizes.at(-1)?.[1]
        if (exact) return { verdict: 'holds', observed }
        return { verdict: doubled && largest === 2 * most ? 'depends' : 'unclear', observed }
      },
      counterexample: seen => ({ ...seen, sizes: seen.sizes.map(([asked]) => [asked, asked]) }),
    },
  ],

  async run(_lab, observe) {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const sizes = [1, 65_536, 100_000_000].map((asked): [number, number] => {
      socket.setRecvBufferSize(asked)
      return [asked, socket.getRecvBufferSize()]
    })
    for (const [asked, got] of sizes) observe(`asked for ${asked}, got ${got}, without an error`)
    socket.close()
    // Of this namespace or, where that has none of its own, of the host.
    const { readFileSync } = await import('node:fs')
    const most = Number(readFileSync('/proc/sys/net/core/rmem_max', 'latin1'))
    return { sizes, most }
  },
})
