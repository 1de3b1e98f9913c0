BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1, $PSScriptRoot/Pester/Lab.psm1 -Force
    Import-Module -Name (Get-ModulePath)
}

Describe 'Test-GaleraCluster' {
    Context 'its parameters' {
        BeforeAll {
            $command = Get-Command -Name Test-GaleraCluster
        }

        It 'needs none' {
            $command.DefaultParameterSet | Should -Be 'ByName'
            $command.ParameterSets.Where({ $PSItem.IsDefault }).Parameters.Where({ $PSItem.IsMandatory }) | Should -BeNullOrEmpty
        }

        It 'has no -WhatIf, for it changes nothing' {
            $command.Parameters.Keys | Should -Not -Contain 'WhatIf'
        }

        It 'says that it emits a report, or a bool' {
            $command.OutputType.Type | Should -Be ([GaleraBackup.GaleraCluster]), ([bool])
        }

        It '-<Name> is a <Type>' -ForEach @(
            @{ Name = 'Namespace'; Type = [string] }
            @{ Name = 'StatefulSet'; Type = [string] }
            @{ Name = 'KubeConfig'; Type = [string] }
            @{ Name = 'Context'; Type = [string] }
            @{ Name = 'Credential'; Type = [pscredential] }
            @{ Name = 'Quiet'; Type = [switch] }
        ) {
            $command.Parameters[$Name].ParameterType | Should -Be $Type
        }

        It 'reaches the database by itself, unless -Via says how' {
            [enum]::GetNames($command.Parameters.Via.ParameterType) | Should -Be 'Auto', 'Direct', 'PortForward'
        }

        It 'refuses an empty -<_>' -ForEach 'Namespace', 'StatefulSet', 'KubeConfig', 'Context' {
            $arguments = @{ $PSItem = '' }
            (Get-CaughtError { Test-GaleraCluster @arguments }).FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentValidationError,*'
        }

        It 'refuses an unknown -Via and says which there are' {
            $caught = Get-CaughtError { Test-GaleraCluster -Via Service }
            $caught.FullyQualifiedErrorId | Should -BeLike 'CannotConvertArgument*'
            "$caught" | Should -Match 'PortForward'
        }
    }

    Context 'a kubeconfig that cannot be used' {
        It 'is an error that names the file: <Name>' -ForEach @(
            @{ Name = 'it is not there'; Text = $null; ErrorId = 'KubeConfigNotFound' }
            @{ Name = 'it is no YAML'; Text = "a: [`nb"; ErrorId = 'KubeConfigInvalid' }
            @{ Name = 'it is YAML of another kind'; Text = '- 1'; ErrorId = 'KubeConfigInvalid' }
            @{ Name = 'its lists are null'; Text = "contexts: null`nclusters: null`nusers: null"; ErrorId = 'ContextNotFound' }
            @{ Name = 'it has no context'; Text = "apiVersion: v1`nkind: Config"; ErrorId = 'ContextNotFound' }
            @{ Name = 'it is empty'; Text = ''; ErrorId = 'KubeConfigInvalid' }
        ) {
            $path = "$TestDrive/$([guid]::NewGuid())"
            if ($null -ne $Text) {
                Set-Content -LiteralPath $path -Value $Text
            }

            $caught = Get-CaughtError { Test-GaleraCluster -KubeConfig $path }
            $caught.FullyQualifiedErrorId | Should -Be "$ErrorId,GaleraBackup.Commands.TestGaleraClusterCommand"
            $caught.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
            "$caught" | Should -Match ([regex]::Escape($path))
            "$caught" | Should -Not -Match '\n\s+at '
        }

        It 'an unknown context is an error that says which there are' {
            $path = Add-KubeConfig -Path 'TestDrive:/config'
            $caught = Get-CaughtError { Test-GaleraCluster -KubeConfig $path -Context production }
            $caught.FullyQualifiedErrorId | Should -BeLike 'ContextNotFound,*'
            $caught.CategoryInfo.Category | Should -Be 'ObjectNotFound'
            "$caught" | Should -Match 'production'
            $caught.ErrorDetails.RecommendedAction | Should -Match 'lonely'
        }

        It 'a path that is on no file system is an error' {
            (Get-CaughtError { Test-GaleraCluster -KubeConfig Env:/HOME }).FullyQualifiedErrorId | Should -BeLike 'NotAFileSystemPath,*'
        }
    }

    Context 'an API server that does not answer' {
        BeforeAll {
            $path = Add-KubeConfig -Path 'TestDrive:/config'
        }

        It 'is an error that names it, and no secret' {
            $caught = Get-CaughtError { Test-GaleraCluster -KubeConfig $path }
            $caught.FullyQualifiedErrorId | Should -Be 'ApiUnreachable,GaleraBackup.Commands.TestGaleraClusterCommand'
            $caught.CategoryInfo.Category | Should -Be 'ConnectionError'
            $caught.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
            "$caught" | Should -Match '127\.0\.0\.1:\d+'
            "$caught" | Should -Not -Match '\n\s+at '
            $caught | Format-List -Property * -Force | Out-String | Should -Not -Match 's3cret'
        }

        It 'is an error with -Quiet too: nobody knows whether the cluster is safe' {
            { Test-GaleraCluster -KubeConfig $path -Quiet -ErrorAction SilentlyContinue } | Should -Throw -ErrorId 'ApiUnreachable,*'
        }

        It 'takes a -KubeConfig relative to $PWD' {
            Push-Location -LiteralPath $TestDrive
            try {
                (Get-CaughtError { Test-GaleraCluster -KubeConfig ./config -Context nosuch }).FullyQualifiedErrorId | Should -BeLike 'ContextNotFound,*'
            }
            finally {
                Pop-Location
            }
        }

        It 'takes the kubeconfig of the environment where none is named' {
            $before = $env:KUBECONFIG
            $env:KUBECONFIG = $path
            try {
                "$(Get-CaughtError { Test-GaleraCluster -Context nosuch })" | Should -Match ([regex]::Escape($path))
            }
            finally {
                $env:KUBECONFIG = $before
            }
        }
    }

    Context 'a real cluster' -Tag Lab {
        AfterEach {
            Wait-WholeLab | Should -BeNullOrEmpty
        }

        It 'reports its three nodes, and no error' {
            $lab = Get-Lab
            $cluster = Test-GaleraCluster @lab
            $cluster | Should -BeOfType GaleraBackup.GaleraCluster
            $cluster.StatefulSet | Should -Be 'mariadb-server'
            $cluster.Nodes | Should -HaveCount 3
            $cluster.Nodes.WsrepState | Should -Be 'Synced', 'Synced', 'Synced'
            $cluster.IsSafe | Should -BeTrue
        }

        It 'emits only true with -Quiet' {
            $lab = Get-Lab
            Test-GaleraCluster @lab -Quiet | Should -BeExactly $true
        }

        It 'says that a StatefulSet is not there, and which are' {
            $lab = Get-Lab
            $caught = Get-CaughtError { Test-GaleraCluster @lab -StatefulSet nosuch }
            $caught.FullyQualifiedErrorId | Should -BeLike 'ClusterNotFound,*'
            $caught.CategoryInfo.Category | Should -Be 'ObjectNotFound'
            $caught.ErrorDetails.RecommendedAction | Should -Match 'mariadb-server'
        }

        It 'takes the login from a Secret that it is told' {
            $lab = Get-Lab
            (Test-GaleraCluster @lab -CredentialSecret root@mariadb-dbadmin-password/MYSQL_DBADMIN_PASSWORD).Nodes.WsrepState | Should -Be 'Synced', 'Synced', 'Synced'
        }

        It 'takes a Secret that is not there for a finding about each node, with its name' {
            $lab = Get-Lab
            $cluster = Test-GaleraCluster @lab -CredentialSecret root@nosuch
            $findings = $cluster.Findings.Where({ $PSItem.Id -eq 'SecretNotFound' })
            $findings | Should -HaveCount 3
            $findings.Message | Should -Match 'nosuch'
        }

        It 'takes a wrong login for a finding about each node, without the password' {
            $lab = Get-Lab
            $login = [pscredential]::new('root', ('wr0ng-password' | ConvertTo-SecureString -AsPlainText -Force))
            $cluster = Test-GaleraCluster @lab -Credential $login
            $cluster.IsSafe | Should -BeFalse
            $cluster.Findings.Where({ $PSItem.Id -eq 'SqlAccessDenied' }) | Should -HaveCount 3
            $cluster | ConvertTo-Json -Depth 8 -WarningAction SilentlyContinue | Should -Not -Match 'wr0ng-password'
        }
    }
}
