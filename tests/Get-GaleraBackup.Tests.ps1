BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1 -Force
    Import-Module -Name (Get-ModulePath)
}

Describe 'Get-GaleraBackup' {
    BeforeEach {
        $root = (New-Item -ItemType Directory -Path "TestDrive:/$([guid]::NewGuid())").FullName
        $full = 'base/2026-01-01_01-00-00', 'base/2026-01-08_01-00-00'
        $incremental = 'incr/2026-01-08_01-00-00/2026-01-09_01-00-00'
        $full + $incremental | Add-SampleBackup -Root $root -SizeBytes 3MB
    }

    It 'shows what there is, the oldest first, and changes nothing' {
        $before = Get-ChildItem -LiteralPath $root -Recurse -Force | ForEach-Object FullName
        $found = Get-GaleraBackup -Path $root
        $found | Should -BeOfType GaleraBackup.BackupSet
        $found.BackupId | Should -Be ($full + $incremental)
        $found.State | Select-Object -Unique | Should -Be 'Complete'
        $found[2].Parent | Should -Be $full[1]
        Get-ChildItem -LiteralPath $root -Recurse -Force | ForEach-Object FullName | Should -Be $before
    }

    It 'shows the vendor''s backups and what is not finished for what they are' {
        'base/2025-01-01_01-00-00' | Add-SampleBackup -Root $root -Vendor
        'base/2026-02-01_01-00-00' | Add-SampleBackup -Root $root -Partial
        $found = Get-GaleraBackup -Path $root
        $found.Where({ $PSItem.Origin -eq 'Vendor' -and $PSItem.State -eq 'Complete' }).BackupId | Should -Be 'base/2025-01-01_01-00-00'
        $found.Where({ $PSItem.State -eq 'Partial' }).BackupId | Should -Be 'base/2026-02-01_01-00-00'
    }

    It 'calls a backup broken whose file is not as long as its manifest says, and says why' {
        Set-Content -LiteralPath "$root/$($full[0])/backup.stream.gz" -Value 'cut'
        $broken = Get-GaleraBackup -Path $root -Id $full[0]
        $broken.State | Should -Be 'Broken'
        $broken.Problem | Should -Match 'backup.stream.gz is not there with 3145728 bytes'
        (Get-GaleraBackup -Path $root -Latest).BackupId | Should -Be $incremental
    }

    It 'finds by <Name>' -ForEach @(
        @{ Name = 'wildcards'; Arguments = @{ Id = 'base/*' }; Expected = 'base/2026-01-01_01-00-00', 'base/2026-01-08_01-00-00' }
        @{ Name = 'several ids'; Arguments = @{ Id = 'base/2026-01-01_01-00-00', 'incr/*' }; Expected = 'base/2026-01-01_01-00-00', 'incr/2026-01-08_01-00-00/2026-01-09_01-00-00' }
        @{ Name = 'dates'; Arguments = @{ After = '2026-01-02Z'; Before = '2026-01-09Z' }; Expected = 'base/2026-01-08_01-00-00' }
        @{ Name = 'age'; Arguments = @{ Latest = $true }; Expected = 'incr/2026-01-08_01-00-00/2026-01-09_01-00-00' }
    ) {
        (Get-GaleraBackup -Path $root @Arguments).BackupId | Should -Be $Expected
    }

    It 'shows whole chains' {
        $chains = Get-GaleraBackup -Path $root -Chain
        $chains | Should -BeOfType GaleraBackup.BackupChain
        $chains.Base | Should -Be '2026-01-01_01-00-00', '2026-01-08_01-00-00'
        $chains[1].Backups | Should -HaveCount 2
        ($chains | Out-String -Width 160) | Should -Match '2026-01-08_01-00-00\s+2\s+2\s+incr/'
    }

    It 'says of an id without wildcards that it is not there' {
        $caught = Get-CaughtError { Get-GaleraBackup -Path $root -Id base/2020-01-01_01-00-00 }
        $caught.FullyQualifiedErrorId | Should -BeLike 'BackupNotFound,*'
        Get-GaleraBackup -Path $root -Id 'base/2020*' | Should -BeNullOrEmpty
    }
}
