import { createSocket } from 'node:dgram'

interface Counts {
  came: Set<number>
  /** How many different numbers have come. */
  different: number
  highest: number
  again: number
}

const senders = new Map<string, Counts>()
const socket = createSocket('udp4')

socket.on('message', (message, { address, port }) => {
  const sender = `${address}:${port}`
  const counts = senders.get(sender) ?? {
    came: new Set<number>(),
    different: 0,
    highest: -1,
    again: 0,
  }
  senders.set(sender, counts)
  if (message[0] === 0x44 && message.length >= 5 && message.length <= 1005) {
    const number = message.readUInt32BE(1)
    if (counts.came.has(number)) counts.again++
    else counts.different++
    counts.came.add(number)
    // So that its memory does not grow: the oldest number is forgotten.
    if (counts.came.size > 50_000) counts.came.delete(counts.came.values().next().value ?? 0)
    counts.highest = Math.max(counts.highest, number)
  } else if (message[0] === 0x51 && message.length === 3) {
    const { different, highest, again } = counts
    socket.send(answer(message.subarray(1, 3), highest + 1 - different, again), port, address)
  }
})

function answer(token: Buffer, lost: number, again: number): Buffer {
  const bytes = Buffer.alloc(11, 'A')
  token.copy(bytes, 1)
  bytes.writeUInt32BE(lost, 3)
  bytes.writeUInt32BE(again, 7)
  return bytes
}

socket.bind(Number(process.env.PORT), '127.0.0.1')
