import jsdoc from 'eslint-plugin-jsdoc'
import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: neostandard.resolveIgnoresFromGitignore() }),
  {
    // Each exported name says what it is.
    files: ['lib/**/*.ts'],
    plugins: { jsdoc },
    rules: {
      'jsdoc/require-jsdoc': ['error', {
        publicOnly: true,
        enableFixer: false,
        require: { ClassDeclaration: true, FunctionDeclaration: true },
        contexts: [
          'TSInterfaceDeclaration:not([body.body.length=0])',
          'TSTypeAliasDeclaration',
          'ExportNamedDeclaration > VariableDeclaration'
        ]
      }],
      'jsdoc/check-tag-names': ['error', { typed: true, definedTags: ['default', 'throws', 'example'] }],
      'jsdoc/empty-tags': 'error'
    }
  },
  {
    // So does each property of the types that users write.
    files: [
      'lib/{options,callbacks}.ts', 'lib/errors/*.ts', 'lib/subject-and-app/{caller,diagnostics}.ts', 'lib/testing/{fabric,registration}.ts',
      'lib/engines/{pg-boss,bullmq,job-options,job-context}.ts'
    ],
    plugins: { jsdoc },
    rules: {
      'jsdoc/require-jsdoc': ['error', {
        enableFixer: false,
        require: { FunctionDeclaration: false },
        contexts: ['ExportNamedDeclaration > TSInterfaceDeclaration > TSInterfaceBody > TSPropertySignature']
      }]
    }
  },
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
