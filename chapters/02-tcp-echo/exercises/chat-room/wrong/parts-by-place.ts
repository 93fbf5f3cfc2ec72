import { createServer, type Socket } from 'node:net'

const NEWLINE = 0x0a
const MAX_LINE_BYTES = 8192
const MAX_WAITING_BYTES = 2 ** 20

const members = new Set<Socket>()
/** Members have places, as in the table of a kernel: what was begun lies there. */
const places: { taken: boolean; begun: Buffer }[] = []

function takePlace() {
  const free = places.find(({ taken }) => !taken)
  const place = free ?? { taken: true, begun: Buffer.alloc(0) }
  place.taken = true
  if (!free) places.push(place)
  return place
}

const server = createServer(socket => {
  members.add(socket)
  socket.write('welcome\n')

  const place = takePlace()
  socket.on('data', chunk => {
    place.begun = Buffer.concat([place.begun, chunk])
    for (let end = place.begun.indexOf(NEWLINE); end >= 0; end = place.begun.indexOf(NEWLINE)) {
      if (end > MAX_LINE_BYTES) break
      tellOthers(socket, place.begun.subarray(0, end + 1))
      place.begun = place.begun.subarray(end + 1)
    }
    if (place.begun.length > MAX_LINE_BYTES) socket.destroy()
  })

  socket.on('end', () => {
    place.begun = Buffer.alloc(0)
  })
  socket.on('close', () => {
    members.delete(socket)
    place.taken = false
  })
  socket.on('error', () => {})
})

function tellOthers(speaker: Socket, line: Buffer): void {
  for (const member of members) {
    if (member === speaker || !member.writable) continue
    member.write(line)
    if (member.writableLength > MAX_WAITING_BYTES) member.destroy()
  }
}

server.listen(Number(process.env.PORT), '127.0.0.1')
