import { createServer, type Socket } from 'node:net'

const PLACES = 8

let served = 0
const queue: Socket[] = []

createServer({ allowHalfOpen: true, pauseOnConnect: true }, socket => {
  socket.on('error', () => {})
  queue.push(socket)
  next()
}).listen(Number(process.env.PORT), '127.0.0.1')

function next(): void {
  if (served === PLACES) return
  const socket = queue.shift()
  if (!socket) return
  served++
  socket.on('close', () => {
    served--
    next()
  })
  socket.end(`hello ${socket.remoteAddress} port ${socket.remotePort}\n`)
  socket.resume()
}
