import { expect, test } from 'vitest'
import {
  capabilitiesOf,
  explainRefusal,
  missingPrivileges,
  type Privileges,
  REQUIRED,
  restraintsOf,
  withCommand,
} from '#lib/kernel/privileges.ts'

const DOCKER = capabilitiesOf('Name:\tnode\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n')
const ALL = capabilitiesOf('CapEff:\t000001ffffffffff\n')
const root = (more: Partial<Privileges> = {}): Privileges => {
  return { isRoot: true, has: ALL, restraints: [], ...more }
}
const nobody = root({ isRoot: false, has: () => false })
const refusal = { tried: 'mount -t tracefs', said: 'mount: /x: permission denied.' }

test('capabilitiesOf reads the effective ones', () => {
  expect(REQUIRED.capture.every(DOCKER)).toBe(true)
  expect(REQUIRED.tracing.some(DOCKER)).toBe(false)
  expect(REQUIRED.all.every(ALL)).toBe(true)
  expect(REQUIRED.all.some(capabilitiesOf('CapEff:\t0000000000000000\n'))).toBe(false)
})

test('missingPrivileges finds nothing missing where the capabilities are there, root or not', () => {
  for (const required of Object.values(REQUIRED)) {
    expect(missingPrivileges(required, root())).toBeUndefined()
    expect(missingPrivileges(required, root({ isRoot: false }))).toBeUndefined()
  }
  expect(missingPrivileges(REQUIRED.capture, root({ has: DOCKER }))).toBeUndefined()
})

test('missingPrivileges names sudo to an ordinary user, and to root only the capabilities that it lacks', () => {
  expect(missingPrivileges(REQUIRED.capture, nobody)).toBe('needs root (sudo)')
  expect(missingPrivileges(REQUIRED.all, root({ has: DOCKER }))).toBe(
    'needs CAP_SYS_ADMIN, CAP_NET_ADMIN, which root does not have here (in a container: --privileged, or --cap-add SYS_ADMIN --cap-add NET_ADMIN)',
  )
})

test('explainRefusal keeps what came back beside the missing capability', () => {
  expect(explainRefusal(refusal, REQUIRED.tracing, nobody)).toEqual({
    needs: 'needs root (sudo)',
    evidence: 'mount -t tracefs: /x: permission denied.',
  })
})

test('explainRefusal claims no cause where every capability is there: it repeats what came back', () => {
  expect(explainRefusal(refusal, REQUIRED.tracing, root())).toEqual({
    needs: 'mount -t tracefs: /x: permission denied.',
  })
  const restraints = ['a seccomp filter', 'the AppArmor profile docker-default (enforce)']
  expect(explainRefusal(refusal, REQUIRED.tracing, root({ restraints })).needs).toBe(
    'mount -t tracefs: /x: permission denied. (in a seccomp filter, the AppArmor profile docker-default (enforce))',
  )
})

test('restraintsOf names a user namespace, a seccomp filter, no_new_privs and an AppArmor profile', () => {
  const status = 'NoNewPrivs:\t1\nSeccomp:\t2\n'
  const files: Record<string, string> = {
    '/proc/self/uid_map': '         0       1000          1\n',
    '/proc/self/attr/current': 'docker-default (enforce)\n',
  }
  expect(restraintsOf(status, file => files[file])).toEqual([
    'a user namespace',
    'a seccomp filter',
    'no_new_privs',
    'the AppArmor profile docker-default (enforce)',
  ])
  const free: Record<string, string> = {
    '/proc/self/uid_map': '         0          0 4294967295\n',
    '/proc/self/attr/current': 'unconfined\n',
  }
  expect(restraintsOf('NoNewPrivs:\t0\nSeccomp:\t0\n', file => free[file])).toEqual([])
})

test('withCommand names the command to run as root', () => {
  expect(withCommand('needs root (sudo)', 'npm run textbook')).toBe(
    'needs root (sudo npm run textbook)',
  )
})
