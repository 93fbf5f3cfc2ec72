import { createSocket } from 'node:dgram'

const senders = new Map<string, { next: number; lost: number; again: number }>()
const socket = createSocket('udp4')

socket.on('message', (message, { address, port }) => {
  const sender = `${address}:${port}`
  const counts = senders.get(sender) ?? { next: 0, lost: 0, again: 0 }
  senders.set(sender, counts)
  if (message[0] === 0x44 && message.length >= 5 && message.length <= 1005) {
    const number = message.readUInt32BE(1)
    if (number < counts.next) counts.again++
    else {
      counts.lost += number - counts.next
      counts.next = number + 1
    }
  } else if (message[0] === 0x51 && message.length === 3) {
    socket.send(answer(message.subarray(1, 3), counts.lost, counts.again), port, address)
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
