/** Three sockets: connects, and waits until the server has looked. `npm run 01:three-sockets:client` */
import { connect } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const options = readOptions({
  command: 'npm run 01:three-sockets:client',
  does: 'Connects, so that the server can look at the sockets of the connection.',
  flags: { host, port: { ...port(7014), min: 1 } },
})
const where = endpoint(options.host, options.port)

const socket = connect(options.port, options.host, () => {
  console.log(`connected ${where} from ${endpoint(socket.localAddress, socket.localPort)}`)
})
socket.on('data', chunk => console.log(`received ${plural(chunk.length, 'byte')}`))
let connected = false
socket.once('connect', () => {
  connected = true
})
socket.on('error', error => {
  if (!connected) exitCannotConnect(error, where, 'npm run 01:three-sockets:server')
  exitLost(error, where)
})
exitWhenSilent(socket, where, 'npm run 01:three-sockets:server')
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
