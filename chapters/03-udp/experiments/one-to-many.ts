/** Who can talk with whom over UDP: many to one, broadcast, multicast. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Different peers that one socket has heard. */
  peers: number
  /** The error of a broadcast before setBroadcast(true), and how many heard it after. */
  withoutLeave: string
  broadcast: number
  /** How many members of a group heard one datagram. */
  multicast: number
  /** Sockets that heard the multicast without being members. */
  outsiders: number
}

const GROUP = '239.255.70.35'
const BROADCAST = '127.255.255.255'
const MEMBERS = 3

export default experiment<Observation>({
  title: 'three senders and one socket; one broadcast and one multicast for three receivers',
  needs: ['linux'],
  claims: [
    {
      id: '3.6',
      essential: true,
      statement: 'UDP can talk one to one, one to many and many to one.',
      verdict: 'holds',
      truth:
        'One socket receives from any sender. A broadcast reaches every socket of the network that has the port, and needs permission; a multicast reaches those that have joined the group.',
      source: 'udp(7); ip(7), IP_ADD_MEMBERSHIP; socket(7), SO_BROADCAST',
      example: '03/one-to-many',
      judge: ({ peers, withoutLeave, broadcast, multicast, outsiders }) => {
        const observed = `one socket heard ${peers} peers; broadcast: ${withoutLeave}, with permission heard by ${broadcast}; multicast heard by ${multicast} members and ${outsiders} others`
        const all = peers === 3 && broadcast === MEMBERS && multicast === MEMBERS
        return { verdict: all && outsiders === 0 ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, multicast: 1 }),
    },
  ],

  async run(_lab, observe) {
    const open: Socket[] = []
    const bound = async (address: string, port: number): Promise<Socket> => {
      const socket = createSocket({ type: 'udp4', reuseAddr: true }).bind(port, address)
      open.push(socket)
      await once(socket, 'listening')
      return socket
    }
    const send = (from: Socket, text: string, to: number, address: string) =>
      new Promise<string>(done =>
        from.send(text, to, address, error => done((error as NodeJS.ErrnoException)?.code ?? 'ok')),
      )

    const one = await bound('127.0.0.1', 0)
    const { port } = one.address()
    const heard = new Set<number>()
    const three = new Promise<void>(resolve =>
      one.on('message', (_text, { port }) => {
        if (heard.add(port).size === 3) resolve()
      }),
    )
    for (let i = 0; i < 3; i++) await send(await bound('127.0.0.1', 0), 'hello', port, '127.0.0.1')
    await three
    observe(`three senders, one socket: it has heard ${heard.size} peers`)

    const listen = async (address: string) => {
      const sockets = await Promise.all(Array.from({ length: MEMBERS }, () => bound(address, port)))
      const counts = { asked: 0, ends: 0 }
      const all = new Promise<void>(resolve => {
        for (const socket of sockets) {
          socket.on('message', text => {
            if (text.toString() === 'end') counts.ends++
            else counts.asked++
            if (counts.ends === MEMBERS) resolve()
          })
        }
      })
      return { sockets, counts, all }
    }
    const sender = await bound('127.0.0.1', 0)
    const near = await listen(BROADCAST)
    const withoutLeave = await send(sender, 'hello', port, BROADCAST)
    sender.setBroadcast(true)
    await send(sender, 'hello', port, BROADCAST)
    await send(sender, 'end', port, BROADCAST)
    await near.all
    observe(`broadcast: ${withoutLeave}, then heard by ${near.counts.asked}`)

    const group = await listen(GROUP)
    for (const socket of group.sockets) socket.addMembership(GROUP, '127.0.0.1')
    sender.setMulticastInterface('127.0.0.1')
    await send(sender, 'hello', port, GROUP)
    await send(sender, 'end', port, GROUP)
    await group.all
    observe(`multicast: heard by ${group.counts.asked} members`)
    const outsiders = near.counts.asked - MEMBERS
    for (const socket of open) socket.close()
    return {
      peers: heard.size,
      withoutLeave,
      broadcast: near.counts.asked,
      multicast: group.counts.asked,
      outsiders,
    }
  },
})
