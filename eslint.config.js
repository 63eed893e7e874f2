import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: neostandard.resolveIgnoresFromGitignore() }),
  {
    // A schema and its static type share the contract's name. What is truly declared twice, the compiler refuses.
    files: ['schemas/*.ts'],
    rules: { '@typescript-eslint/no-redeclare': 'off' }
  },
  {
    // What a browser has the compiler knows, which checks these files too.
    files: ['examples/workload/page/*.js'],
    rules: { 'no-undef': 'off' }
  }
]
