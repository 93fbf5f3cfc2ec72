import { createSocket } from 'node:dgram'

const [NUMBERED, QUESTION, ANSWER] = [0x44, 0x51, 0x41]

interface Counts {
  /** The numbers that have come. Nothing is kept of those that have not: they may be billions. */
  came: Set<number>
  highest: number
  again: number
}

const senders = new Map<string, Counts>()
const socket = createSocket('udp4')

socket.on('message', (message, { address, port }) => {
  // The address alone does not name a sender: many programs share it.
  const sender = `${address}:${port}`
  const counts = senders.get(sender) ?? { came: new Set(), highest: -1, again: 0 }
  if (message[0] === NUMBERED && message.length >= 5 && message.length <= 1005) {
    senders.set(sender, counts)
    note(counts, message.readUInt32BE(1))
  } else if (message[0] === QUESTION && message.length === 3) {
    socket.send(answer(counts, message.readUInt16BE(1)), port, address, error => {
      if (error) console.error(`error ${sender} ${error.message}`)
    })
  }
})

function note(counts: Counts, number: number): void {
  if (counts.came.has(number)) counts.again++
  counts.came.add(number)
  counts.highest = Math.max(counts.highest, number)
}

function answer({ came, highest, again }: Counts, token: number): Buffer {
  const bytes = Buffer.alloc(11)
  bytes[0] = ANSWER
  bytes.writeUInt16BE(token, 1)
  // Computed only now: what is late has had its chance, and a question has nothing to change.
  bytes.writeUInt32BE(highest + 1 - came.size, 3)
  bytes.writeUInt32BE(again, 7)
  return bytes
}

socket.bind(Number(process.env.PORT), '127.0.0.1')
