/** The largest datagram that a kernel takes, and what one byte more brings, for IPv4 and IPv6. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** For each family: largest that arrived whole, and the error of one byte more. */
  v4: { arrived: number; more: string }
  /** Missing where there is no IPv6. */
  v6?: { arrived: number; more: string }
}

/** What bind says to ::1 where IPv6 is switched off, or not in the kernel at all. */
const NO_IPV6 = ['EADDRNOTAVAIL', 'EAFNOSUPPORT']

export default experiment<Observation>({
  title: 'datagrams of the largest size, and one byte more',
  needs: ['linux'],
  claims: [
    {
      id: '3.9',
      essential: true,
      statement: 'A datagram holds up to 65507 bytes; more is an error.',
      verdict: 'holds',
      truth:
        'The length field of UDP counts 8 bytes of header, and that of IPv4 another 20: 65535 - 28. The header of IPv6 is not counted, so 20 more fit. One byte more is EMSGSIZE, and nothing is sent.',
      source: 'udp(7), EMSGSIZE; RFC 768; RFC 8200 section 3',
      example: '03/size',
      judge: ({ v4, v6 }) => {
        const other = v6 ? `${v6.arrived} arrived, one more: ${v6.more}` : 'none here'
        const fits = v4.arrived === 65_507 && v4.more === 'EMSGSIZE'
        const fits6 = v6 === undefined || (v6.arrived === 65_527 && v6.more === 'EMSGSIZE')
        return {
          verdict: fits && fits6 ? 'holds' : 'wrong',
          observed: `IPv4: ${v4.arrived} arrived, one more: ${v4.more}; IPv6: ${other}`,
        }
      },
      counterexample: seen => ({ ...seen, v4: { arrived: 1472, more: 'EMSGSIZE' } }),
    },
  ],

  async run(_lab, observe) {
    const attempt = async (type: 'udp4' | 'udp6', address: string, largest: number) => {
      const socket = createSocket(type).bind(0, address)
      await once(socket, 'listening')
      const send = (bytes: number) =>
        new Promise<string>(done =>
          socket.send(Buffer.alloc(bytes), socket.address().port, address, error =>
            done((error as NodeJS.ErrnoException)?.code ?? 'taken'),
          ),
        )
      const message = once(socket, 'message')
      await send(largest)
      const arrived = ((await message)[0] as Buffer).length
      const more = await send(largest + 1)
      socket.close()
      observe(`${type}: ${arrived} bytes arrived; one byte more: ${more}`)
      return { arrived, more }
    }
    const v4 = await attempt('udp4', '127.0.0.1', 65_507)
    const v6 = await attempt('udp6', '::1', 65_527).catch((error: NodeJS.ErrnoException) => {
      if (!NO_IPV6.includes(error.code ?? '')) throw error
      observe(`udp6: no IPv6 here (${error.code})`)
      return undefined
    })
    return { v4, ...(v6 && { v6 }) }
  },
})
