import { createServer } from 'node:net'

const places: string[] = []

createServer(socket => {
  socket.on('error', () => {})
  socket.resume()
  if (places.length === 1000) {
    socket.end()
    return
  }
  const client = `${socket.remoteAddress} port ${socket.remotePort}`
  places.push(client)
  socket.on('end', () => places.splice(places.indexOf(client), 1))
  socket.end(`hello ${client}\n`)
}).listen(Number(process.env.PORT), '127.0.0.1')
